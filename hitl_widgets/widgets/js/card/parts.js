// @ts-check
// The parts of an item (superpixels), computed by the kernel: lookup, neighbours and drawing. Pure, no DOM.

/** @typedef {{left: number, top: number, right: number, bottom: number}} Bounds */

export class Parts {
  /** @param {number} width @param {number} height of the cells, which may be larger than the item's pixels
   * @param {Uint16Array} numbers of each cell's part, along the rows, from 0 on without gaps */
  constructor(width, height, numbers) {
    this.width = width;
    this.height = height;
    this.numbers = numbers;
    /** The cells at each part's edges, both inside. @type {Bounds[]} */
    this.bounds = [];
    /** The middle of each part, in cells. @type {{x: number, y: number, n: number}[]} */
    this.middles = [];
    for (let i = 0; i < numbers.length; i++) {
      const [x, y, part] = [i % width, Math.floor(i / width), numbers[i]];
      const bounds = this.bounds[part] ??= { left: x, top: y, right: x, bottom: y };
      Object.assign(bounds, { left: Math.min(bounds.left, x), right: Math.max(bounds.right, x), bottom: y });
      const middle = this.middles[part] ??= { x: 0, y: 0, n: 0 };
      middle.n++;
      middle.x += (x - middle.x) / middle.n;
      middle.y += (y - middle.y) / middle.n;
    }
  }

  get n() { return this.middles.length; }

  /** The part under a point, in shares of the item. @param {number} x @param {number} y */
  at(x, y) {
    const cell = (/** @type {number} */ share, /** @type {number} */ n) => Math.max(0, Math.min(n - 1, Math.floor(share * n)));
    return this.numbers[cell(y, this.height) * this.width + cell(x, this.width)];
  }

  /** The next part in a direction: the nearest whose middle lies that way; sideways distance counts double.
   * @param {number} part @param {number} dx @param {number} dy one of them 1 or -1, the other 0 */
  next(part, dx, dy) {
    const from = this.middles[part];
    let [best, least] = [part, Infinity];
    this.middles.forEach(({ x, y }, i) => {
      const ahead = (x - from.x) * dx + (y - from.y) * dy;
      const aside = Math.abs((x - from.x) * dy) + Math.abs((y - from.y) * dx);
      const far = ahead + 2 * aside + (ahead < aside ? this.width + this.height : 0);
      if (i !== part && ahead > 0 && far < least) [best, least] = [i, far];
    });
    return best;
  }

  /** The parts' edges as RGBA, dashed in black and white so that they show on anything, and the active part brightened.
   * @param {number} width @param {number} height @param {number} current
   * @returns {{width: number, height: number, pixels: Uint8ClampedArray<ArrayBuffer>}} */
  drawn(width, height, current) {
    const pixels = new Uint8ClampedArray(width * height * 4);
    for (let y = 0, i = 0; y < height; y++) {
      for (let x = 0; x < width; x++, i += 4) {
        const part = this.at((x + 0.5) / width, (y + 0.5) / height);
        const beside = [this.at((x + 1.5) / width, (y + 0.5) / height), this.at((x + 0.5) / width, (y + 1.5) / height)];
        const edge = beside.some((other) => other !== part);
        const own = part === current || (edge && beside.includes(current));
        if (edge) pixels.set((x + y) % 6 < 3 && !own ? [0, 0, 0, 150] : [255, 255, 255, own ? 255 : 170], i);
        else if (own) pixels.set([255, 255, 255, 90], i);
      }
    }
    return { width, height, pixels };
  }
}
