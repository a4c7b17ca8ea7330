// A simulated person who corrects boxes by keys: what benchmarks/object_keys.py runs, in the card's own state.
//
//     node object_keys.mjs WHAT.json    prints a list of results, one for each image of {overlap, images: [{size, labels, shown, truth, snaps}]}
import { readFileSync } from "node:fs";
import { ImageObjects, newMemory } from "../hitl_widgets/widgets/js/objects/image.js";
import { act, key } from "../hitl_widgets/widgets/js/objects/keys.js";
import { snapBox } from "../hitl_widgets/widgets/js/objects/snap.js";

const { overlap, images } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const FAR = 30; // pixels from which Shift is worth a key of its own
let state = 12345;
const random = () => (state = (state * 16807) % 2147483647) / 2147483647;

function iou(a, b) {
  const over = Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0])) * Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
  return over / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - over);
}

/** Which proposal is which object: the best pairs first. */
function pairs(list, truth) {
  const found = list.flatMap((object) => truth.map((wanted, i) => ({ id: object.id, i, share: iou(object.at, wanted.at) }))).filter(({ share }) => share >= 0.3);
  found.sort((a, b) => b.share - a.share);
  const [ids, indices, of] = [new Set(), new Set(), new Map()];
  for (const { id, i } of found) {
    if (ids.has(id) || indices.has(i)) continue;
    ids.add(id);
    indices.add(i);
    of.set(id, truth[i]);
  }
  return { of, missing: truth.filter((_, i) => !indices.has(i)) };
}

class Person {
  constructor({ size, labels, shown, truth }, memory) {
    this.objects = ImageObjects.of({ kind: "box", size, shown, memory });
    this.labels = labels;
    this.truth = truth;
    this.keys = 0;
    this.deletes = false; // x is held down
    this.by = { accept: [], relabel: [], delete: [], move: [], draw: [] };
  }

  /** A key, held for so many steps: it counts once. */
  press(name, steps = 1, more = {}) {
    this.keys++;
    for (let i = 0; i < steps; i++) key(this.objects, { key: name, code: name, shiftKey: false, altKey: false, ctrlKey: false, metaKey: false, repeat: i > 0, ...more });
  }

  /** Where a person stops a side: within a pixel or two. */
  aim(wanted) { return Math.round(wanted + 3 * (random() - 0.5)); }

  off(wanted) { return wanted.map((value, i) => value - this.objects.current.at[i]); }

  move(axis, by) {
    const name = axis ? (by < 0 ? "ArrowUp" : "ArrowDown") : (by < 0 ? "ArrowLeft" : "ArrowRight");
    const rest = Math.abs(by) > FAR ? Math.abs(by) % 10 : Math.abs(by);
    if (Math.abs(by) > FAR) this.press(name, Math.floor(Math.abs(by) / 10), { shiftKey: true });
    if (Math.round(rest) > 0) this.press(name, Math.round(rest));
  }

  side(i, by) {
    const axis = i % 2;
    const name = axis ? (by < 0 ? "ArrowUp" : "ArrowDown") : (by < 0 ? "ArrowLeft" : "ArrowRight");
    const outwards = (i < 2) === (by < 0);
    this.press(name, Math.abs(by), { altKey: true, shiftKey: !outwards });
  }

  /** Until it overlaps with what is there as much as it should: what helps most comes first. @returns whether anything had to be done */
  fit(wanted) {
    const before = this.keys;
    for (let tries = 0; tries < 12 && iou(this.objects.current.at, wanted) < overlap; tries++) {
      const { at } = this.objects.current;
      const by = this.off(wanted);
      const ways = [0, 1].flatMap((axis) => {
        const shift = (by[axis] + by[axis + 2]) / 2;
        const moved = at.map((value, i) => (i % 2 === axis ? value + shift : value));
        return [{ overlap: iou(moved, wanted), far: Math.hypot(...[0, 1].map((k) => (wanted[k] + wanted[k + 2] - moved[k] - moved[k + 2]) / 2)), go: () => this.move(axis, this.aim(shift)) },
          ...[axis, axis + 2].map((i) => ({ overlap: iou(at.map((value, k) => (k === i ? wanted[i] : value)), wanted), far: Infinity, go: () => this.side(i, this.aim(by[i])) }))];
      });
      // Where they don't overlap at all yet, it is brought there first.
      const apart = iou(at, wanted) === 0;
      const [best] = ways.sort((one, two) => (apart ? one.far - two.far : two.overlap - one.overlap));
      best.go();
    }
    return this.keys > before;
  }

  correct() {
    const { objects, truth } = this;
    const { of, missing } = pairs(objects.list, truth);
    const bad = (object) => {
      const wanted = of.get(object.id);
      return !wanted || wanted.label_id !== object.label_id || iou(wanted.at, object.at) < overlap;
    };
    const done = new Set();
    // Tab as long as something is wrong; deleting goes on by itself.
    while (objects.list.some((object) => !done.has(object.id) && bad(object))) {
      let before = this.keys;
      if (!objects.current || done.has(objects.current.id)) this.press("Tab");
      const { current } = objects;
      const wanted = of.get(current.id);
      let what = "accept";
      if (!wanted) {
        act(objects, "delete");
        if (!this.deletes || this.keys > before) this.keys++;
        this.deletes = true;
        this.by.delete.push(this.keys - before);
        continue;
      }
      if (wanted.label_id !== current.label_id) {
        objects.relabel(wanted.label_id);
        this.keys++;
        what = "relabel";
      }
      this.deletes = false;
      const named = this.keys;
      if (this.fit(wanted.at)) what = what === "relabel" ? "both" : "move";
      if (what === "both") {
        this.by.relabel.push(named - before);
        this.by.move.push(this.keys - named + 1);
      } else this.by[what].push(this.keys - before);
      done.add(current.id);
    }
    for (const wanted of missing) this.draw(wanted);
    this.keys++; // Enter
    objects.remember();
    return { keys: this.keys, by: this.by, sent: objects.sent };
  }

  draw({ at, label_id }) {
    const before = this.keys;
    const { objects } = this;
    act(objects, "draw", { labels: this.labels });
    this.keys++;
    if (objects.current.label_id !== label_id) {
      objects.relabel(label_id);
      this.keys++;
    }
    this.fit(at);
    this.by.draw.push(this.keys - before);
  }
}

const grey = ({ path, width, height }) => ({ values: Float32Array.from(readFileSync(path)), width, height, left: 0, top: 0, scale_x: 1, scale_y: 1 });
const memories = new Map();
console.log(JSON.stringify(images.map((image) => {
  if (image.snaps) {
    const picture = grey(image.picture);
    return { snapped: image.snaps.map((at) => snapBox(picture, at, image.size).at) };
  }
  if (!memories.has(image.arm)) memories.set(image.arm, newMemory());
  return new Person(image, memories.get(image.arm)).correct();
})));
