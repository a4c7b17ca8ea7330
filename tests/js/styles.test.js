// Widgets on one page share its styles: a selector that two style sheets have is styled by whichever came last.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const FOLDER = new URL("../../hitl_widgets/widgets/js/css/", import.meta.url);

/** @param {string} sheet @returns {string[]} the selectors of its rules, without those of keyframes */
function selectorsOf(sheet) {
  const css = readFileSync(new URL(sheet, FOLDER), "utf8").replace(/\/\*.*?\*\//gs, "");
  return [...css.matchAll(/([^{};]+)\{/g)].flatMap(([, some]) => some.split(",").map((one) => one.trim()))
    .filter((one) => one.startsWith("."));
}

test("no two style sheets style the same selector", () => {
  const sheetOf = new Map();
  const twice = [];
  for (const sheet of readdirSync(FOLDER)) {
    for (const selector of new Set(selectorsOf(sheet))) {
      if (sheetOf.has(selector)) twice.push(`${selector}: ${sheetOf.get(selector)}, ${sheet}`);
      sheetOf.set(selector, sheet);
    }
  }
  assert.ok(sheetOf.size > 300);
  assert.deepEqual(twice, []);
});
