'use strict';

// Draws the times as bars, in an SVG that is readable on light and on dark.

const { digits, names, time } = require('./tables');

/** @import { Result } from './tables' */

/** A bar of the chart: how many times as fast as Nx's client we are. */
/** @typedef {{ title: string, ours: number, plain?: number, times: string }} Bar */

/** In pixels. */
const layout = {
  width: 1000,
  left: 390,
  right: 170,
  top: 92,
  row: 34,
  bottom: 44,
};

const style = `
  text { font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2328 }
  .title { font-size: 17px; font-weight: 600 }
  .muted { fill: #59636e; font-size: 12px }
  .factor { font-weight: 600 }
  .page { fill: #ffffff; stroke: #d1d9e0 }
  .grid { stroke: #e4e9ee }
  .one { stroke: #59636e; stroke-width: 1.5 }
  .ours { fill: #0969da }
  .slower { fill: #cf5b10 }
  .plain { fill: #b3bcc6 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .muted { fill: #9198a1 }
    .page { fill: #0d1117; stroke: #3d444d }
    .grid { stroke: #262c34 }
    .one { stroke: #9198a1 }
    .ours { fill: #4493f8 }
    .slower { fill: #e5803a }
    .plain { fill: #59616b }
  }`;

/**
 * @param {readonly Result[]} rows the chart skips those without Nx's client
 * @param {string} machine one line that describes it
 */
function chart(rows, machine) {
  const bars = rows.flatMap((row) => barOf(row) ?? []);
  const { width, top, row, bottom } = layout;
  const height = top + bars.length * row + bottom;
  const scale = scaleFor(bars);
  const content = [
    `<rect class="page" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8"/>`,
    text(24, 34, `Times as fast as ${names.nx}`, 'class="title"'),
    ...legend(24, 58),
    ...grid(scale, height),
    ...bars.flatMap((bar, i) => rowOf(bar, top + i * row, scale)),
    text(24, height - 16, machine, 'class="muted"'),
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="Times as fast as ${escaped(names.nx)}">
<style>${style}
</style>
${content.join('\n')}
</svg>
`;
}

/**
 * @param {Result} row
 * @returns {Bar | undefined}
 */
function barOf({ title, results }) {
  const { ours, nx, plain } = results;
  if (!ours || !nx) return undefined;
  return {
    title: title.replaceAll('`', ''),
    ours: nx.ms / ours.ms,
    plain: plain && nx.ms / plain.ms,
    times: `${time(ours.ms)} / ${time(nx.ms)}`,
  };
}

/** @typedef {{ min: number, max: number, at: (factor: number) => number }} Scale */

/**
 * A logarithmic scale: twice as fast is as far from 1 as half as fast.
 *
 * @param {readonly Bar[]} bars
 * @returns {Scale}
 */
function scaleFor(bars) {
  const factors = bars.flatMap(({ ours, plain = 1 }) => [ours, plain]);
  const min = Math.floor(Math.log2(Math.min(0.5, ...factors)));
  // The longest bar needs space for its number.
  const max = Math.ceil(Math.log2(Math.max(2, ...factors)) + 0.7);
  const pixels = (layout.width - layout.left - layout.right) / (max - min);
  return {
    min,
    max,
    at: (factor) => layout.left + (Math.log2(factor) - min) * pixels,
  };
}

/**
 * @param {number} x
 * @param {number} y
 */
function legend(x, y) {
  const key = (/** @type {number} */ at, /** @type {string} */ kind) =>
    `<rect class="${kind}" x="${at}" y="${y - 10}" width="12" height="12" rx="2"/>`;
  return [
    key(x, 'ours'),
    text(x + 18, y, names.ours, 'class="muted"'),
    key(x + 130, 'slower'),
    text(x + 148, y, 'the same, slower', 'class="muted"'),
    key(x + 270, 'plain'),
    text(x + 288, y, names.plain, 'class="muted"'),
    text(
      layout.width - 24,
      y,
      `${names.ours} / ${names.nx}`,
      'class="muted" text-anchor="end"',
    ),
  ];
}

/**
 * @param {Scale} scale
 * @param {number} height
 */
function grid({ min, max, at }, height) {
  const lines = [];
  const step = max - min > 8 ? 2 : 1;
  for (let power = min; power <= max; power++) {
    if (power % step !== 0) continue;
    const x = at(2 ** power).toFixed(1);
    const label = power < 0 ? `1/${2 ** -power}` : `${2 ** power}×`;
    lines.push(
      `<line class="${power === 0 ? 'one' : 'grid'}" x1="${x}" x2="${x}" y1="${layout.top - 4}" y2="${height - layout.bottom}"/>`,
      text(
        Number(x),
        layout.top - 10,
        label,
        'class="muted" text-anchor="middle"',
      ),
    );
  }
  return lines;
}

/**
 * @param {Bar} bar
 * @param {number} y
 * @param {Scale} scale
 */
function rowOf({ title, ours, plain, times }, y, { at }) {
  const middle = y + layout.row / 2 + 4;
  const end = Math.max(at(ours), at(1)) + 6;
  return [
    text(layout.left - 16, middle, title, 'text-anchor="end"'),
    rect(ours < 1 ? 'slower' : 'ours', at(ours), at(1), y + 7, 12),
    ...(plain ? [rect('plain', at(plain), at(1), y + 21, 6)] : []),
    text(end, y + 18, `${digits(ours)}×`, 'class="factor"'),
    text(layout.width - 24, middle, times, 'class="muted" text-anchor="end"'),
  ];
}

/**
 * A bar between two points, in either order.
 *
 * @param {string} kind
 * @param {number} from
 * @param {number} to
 * @param {number} y
 * @param {number} height
 */
function rect(kind, from, to, y, height) {
  const x = Math.min(from, to).toFixed(1);
  const width = Math.max(1, Math.abs(to - from)).toFixed(1);
  return `<rect class="${kind}" x="${x}" y="${y}" width="${width}" height="${height}" rx="2"/>`;
}

/**
 * @param {number} x
 * @param {number} y
 * @param {string} content
 * @param {string} attributes
 */
function text(x, y, content, attributes) {
  return `<text x="${x}" y="${y}" ${attributes}>${escaped(content)}</text>`;
}

/** @param {string} content */
function escaped(content) {
  return content
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

exports.chart = chart;
