// Answers for tests/widgets/test_offsets.py: texts come as the card gets them, their UTF-8 in a line of JSON, with places in them.
import { createInterface } from "node:readline";
import { toUnits } from "../../hitl_widgets/widgets/js/text/offsets.js";

for await (const line of createInterface({ input: process.stdin })) {
  const { data, at } = JSON.parse(line);
  const units = toUnits(new TextDecoder("utf-8", { ignoreBOM: true }).decode(Buffer.from(data, "base64")));
  const told = at.map(([start, end]) => {
    // What a mouse would have selected between these places, and what the browser's own places say of it.
    const [from, to] = units.snapped(start, end);
    const back = [units.character(units.unit(start)), units.character(units.unit(end))];
    return { quote: units.quote(start, end), back, snapped: [from, to], snapped_quote: units.quote(from, to) };
  });
  const word = units.wordAfter(at[0]?.[0] ?? 0);
  process.stdout.write(`${JSON.stringify({ length: units.length, told, word, word_quote: word && units.quote(...word) })}\n`);
}
