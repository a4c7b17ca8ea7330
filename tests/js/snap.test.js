// Snapping, on pictures that are drawn here: what is off by up to five pixels comes back within one.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ImageObjects } from "../../hitl_widgets/widgets/js/objects/image.js";
import { lookedAt, REACH, snap, snapBox, snapPoint, snapPolygon } from "../../hitl_widgets/widgets/js/objects/snap.js";

const SIZE = [160, 120];

/** Numbers from 0 to 1 that are the same each time. */
function random(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const noise = (rng) => Math.sqrt(-2 * Math.log(1 - rng())) * Math.cos(2 * Math.PI * rng());

/** A picture of a function of the item's coordinates, each pixel the mean of 9 places in it; `scale` pixels for one of the item.
 * With `of` only the part around an object, as the stage cuts it out. */
function picture(light, { scale = 1, sigma = 0, seed = 1, of = [0, 0, ...SIZE] } = {}) {
  const rng = random(seed);
  const [x0, y0, x1, y1] = lookedAt(of, scale);
  const [left, top] = [Math.max(0, Math.floor(x0 * scale)), Math.max(0, Math.floor(y0 * scale))];
  const [width, height] = [Math.min(SIZE[0] * scale, Math.ceil(x1 * scale)) - left, Math.min(SIZE[1] * scale, Math.ceil(y1 * scale)) - top];
  const values = Float32Array.from({ length: width * height }, (_, i) => {
    const [x, y] = [left + (i % width), top + Math.floor(i / width)];
    let sum = 0;
    for (let j = 0; j < 9; j++) sum += light((x + ((j % 3) + 0.5) / 3) / scale, (y + (Math.floor(j / 3) + 0.5) / 3) / scale);
    return sum / 9 + (sigma && sigma * noise(rng));
  });
  return { values, width, height, left, top, scale_x: scale, scale_y: scale };
}

const rectangle = ([x0, y0, x1, y1], dark = 90, light = 180) => (x, y) => (x >= x0 && x <= x1 && y >= y0 && y <= y1 ? dark : light);
const disc = (cx, cy, r, dark = 90, light = 180) => (x, y) => (Math.hypot(x - cx, y - cy) <= r ? dark : light);
const worst = (a, b) => Math.max(...a.map((value, i) => Math.abs(value - b[i])));
const off = (at, rng, by = REACH) => at.map((value) => value + (2 * rng() - 1) * by);

function misses(truth, light, n, { tolerance = 1, ...how } = {}) {
  const rng = random(7);
  let count = 0;
  for (let i = 0; i < n; i++) {
    const start = off(truth, rng);
    const grey = picture(light, { ...how, seed: i + 1, of: start });
    if (worst(snapBox(grey, start, SIZE).at, truth) > tolerance) count++;
  }
  return count;
}

test("a rectangle's sides come back within a pixel, also in noise, and much closer without any", () => {
  const truth = [40.3, 30.7, 90.4, 80.2];
  assert.equal(misses(truth, rectangle(truth), 20, { tolerance: 0.35 }), 0);
  assert.equal(misses(truth, rectangle(truth), 30, { sigma: 20 }), 0);
  assert.equal(misses(truth, rectangle(truth, 180, 90), 20, { sigma: 20 }), 0, "lighter than what is around it");
});

test("so do the sides of a box around a disc", () => {
  for (const r of [6, 10, 18, 30]) {
    const truth = [80 - r, 60.4 - r, 80 + r, 60.4 + r];
    assert.equal(misses(truth, disc(80, 60.4, r), 20), 0, `radius ${r}`);
    assert.equal(misses(truth, disc(80, 60.4, r), 20, { sigma: 8 }), 0, `radius ${r}, noisy`);
  }
});

test("an edge whose ground is lighter on one half and darker on the other is one edge", () => {
  const truth = [40, 30, 90, 80];
  const inside = rectangle(truth, 120, 0);
  assert.equal(misses(truth, (x, y) => inside(x, y) || (y < 55 ? 200 : 40), 10, { tolerance: 1 }), 0);
});

test("the strongest edge wins, not the nearest", () => {
  const light = (x) => (x < 40 ? 100 : x < 43 ? 110 : 200);
  const { at } = snapBox(picture(light), [41, 30, 120, 80], SIZE, { sides: ["left"] });
  assert.ok(Math.abs(at[0] - 43) < 0.5, String(at));
});

test("a side within five pixels of the item's edge goes there", () => {
  const { at, n } = snapBox(picture(rectangle([3, 30, 60, 80])), [4, 33, 58, 119], SIZE, { sides: ["left", "bottom"] });
  assert.deepEqual([at[0], at[3], n], [0, 120, 2]);
});

test("where there is no edge a side stays, and an edge that is further away is left alone", () => {
  const flat = picture(() => 128);
  assert.deepEqual(snapBox(flat, [40, 30, 90, 80], SIZE), { at: [40, 30, 90, 80], n: 0 });
  const { at } = snapBox(picture(rectangle([20, 20, 110, 100])), [40, 30, 90, 80], SIZE);
  assert.deepEqual(at, [40, 30, 90, 80]);
});

test("a side is never moved much further than five pixels, nor past the one opposite", () => {
  const rng = random(3);
  for (let i = 0; i < 100; i++) {
    const [x, y, w, h] = [10 + 120 * rng(), 10 + 80 * rng(), 1 + 12 * rng(), 1 + 12 * rng()];
    const start = [x, y, x + w, y + h];
    const { at } = snapBox(picture((x, y) => 128 + 60 * Math.sin(x) * Math.cos(1.3 * y), { sigma: 30, of: start, seed: i }), start, SIZE);
    assert.ok(worst(at, start) <= REACH + 1.5 && at[2] - at[0] >= 1 - 1e-9 && at[3] - at[1] >= 1 - 1e-9, JSON.stringify([start, at]));
  }
});

test("a picture that is smaller than its item, or larger, gives the item's pixels", () => {
  const truth = [40.5, 30.5, 90.5, 80.5];
  for (const scale of [0.5, 2]) assert.equal(misses(truth, rectangle(truth), 10, { scale, sigma: 5 }), 0, String(scale));
});

test("a polygon's corners go along their normals to the edge", () => {
  const rng = random(11);
  const [cx, cy, r] = [80, 60, 30];
  for (const sigma of [0, 10]) {
    const grey = picture(disc(cx, cy, r), { sigma });
    const start = Array.from({ length: 16 }, (_, i) => {
      const far = r + 4 * (2 * rng() - 1);
      return [cx + far * Math.cos((2 * Math.PI * i) / 16), cy + far * Math.sin((2 * Math.PI * i) / 16)];
    }).flat();
    const { at, n } = snapPolygon(grey, start, SIZE);
    const far = Array.from({ length: 16 }, (_, i) => Math.abs(Math.hypot(at[2 * i] - cx, at[2 * i + 1] - cy) - r));
    assert.ok(Math.max(...far) < 1, `${sigma}: ${far.map((d) => d.toFixed(2))}`);
    assert.equal(n, 16);
  }
});

test("corners that would cross go back", () => {
  const grey = picture((x, y) => 128 + 60 * Math.sin(2 * x + 3 * y), { sigma: 60 });
  const start = Array.from({ length: 40 }, (_, i) => [80 + 6 * Math.cos((2 * Math.PI * i) / 40), 60 + 6 * Math.sin((2 * Math.PI * i) / 40)]).flat();
  const objects = ImageObjects.of({ kind: "polygon", size: SIZE, shown: [{ id: "p", kind: "polygon", at: start, label_id: "L0", score: 0.5 }] });
  objects.take("p");
  snap(objects, grey);
  assert.equal(objects.problem, null);
});

test("a point goes to the middle of the spot that stands out", () => {
  const rng = random(5);
  for (const light of [(x, y) => 100 + 120 * Math.exp(-((x - 70.3) ** 2 + (y - 50.6) ** 2) / 8), disc(70.3, 50.6, 4), disc(70.3, 50.6, 3, 220, 120)]) {
    for (let i = 0; i < 20; i++) {
      const [angle, far] = [2 * Math.PI * rng(), REACH * Math.sqrt(rng()) * 0.95];
      const start = [70.3 + far * Math.cos(angle), 50.6 + far * Math.sin(angle)];
      const { at } = snapPoint(picture(light, { sigma: 10, seed: i + 1, of: start }), start, SIZE);
      assert.ok(Math.hypot(at[0] - 70.3, at[1] - 50.6) < 1, `${i}: ${start} -> ${at}`);
    }
  }
  assert.deepEqual(snapPoint(picture(() => 9), [70, 50], SIZE), { at: [70, 50], n: 0 });
});

test("snapping is one step, says what it did, and can be for one side", () => {
  const truth = [40, 30, 90, 80];
  const grey = picture(rectangle(truth));
  const objects = ImageObjects.of({ kind: "box", size: SIZE, shown: [{ id: "a", kind: "box", at: [43, 33, 88, 78], label_id: "L0", score: 0.5 }] });
  assert.equal(snap(objects, grey), null);
  objects.take("a");
  objects.side = "left";
  assert.equal(snap(objects, grey, { side: true }), "Snapped 1 side");
  assert.ok(Math.abs(objects.current.at[0] - 40) < 0.1 && objects.current.at[1] === 33);
  assert.equal(snap(objects, grey), "Snapped 3 sides");
  assert.ok(worst(objects.current.at, truth) < 0.1);
  assert.match(snap(objects, grey), /No edge|Snapped/);
  assert.equal(snap(objects, null), "There is no picture to snap to");
  objects.undo();
  objects.undo();
  assert.deepEqual(objects.current.at, [43, 33, 88, 78]);
});
