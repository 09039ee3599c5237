'use strict';

// The parts of a run record that grow while tasks run.

/** The most different inputs, and characters in them. They stay below the server's limits. */
const maxDistinct = 200_000;
const maxLength = 5_000_000;
/** The longest name or value, in characters. As JSON, it is below the server's limit. */
const maxValue = 1_000_000;

/**
 * The inputs of all tasks, in which each pair of name and value occurs once.
 *
 * @typedef {object} Name
 * @property {number} index
 * @property {string} value the value that a task had last
 * @property {number} input its index
 * @property {Map<string, number>} inputs the indices of all its values
 */
class InputTable {
  /** @type {Map<string, Name>} */
  #names = new Map();
  #inputs = 0;
  #indices = 0;
  #length = 0;
  #isFull = false;
  /** JSON, without the brackets. */
  names = new JsonElements();
  inputs = new JsonElements();

  /**
   * Returns the indices of a task's inputs; none if there are more than `most` of all tasks.
   *
   * @param {any} details of a task
   * @param {number} most
   */
  add({ command, nodes, implicitDeps, runtime }, most) {
    /** @type {number[]} */
    const indices = [];
    const add = (/** @type {string} */ name, /** @type {unknown} */ value) => {
      if (typeof value !== 'string' || this.#isFull) return;
      const index = this.#index(name, value);
      this.#isFull = index === undefined || ++this.#indices > most;
      if (index !== undefined) indices.push(index);
    };
    add('command', command);
    for (const name in nodes) add(name, nodes[name]);
    for (const name in implicitDeps) add(name, implicitDeps[name]);
    for (const name in runtime) add(`runtime:${name}`, runtime[name]);
    // A part of them would look like all of them.
    return this.#isFull ? [] : indices;
  }

  /**
   * @param {string} name
   * @param {string} value
   */
  #index(name, value) {
    const known = this.#names.get(name);
    if (known?.value === value) return known.input; // for most tasks
    const input = known?.inputs.get(value) ?? this.#addInput(name, value);
    if (known && input !== undefined) Object.assign(known, { value, input });
    return input;
  }

  /**
   * @param {string} name
   * @param {string} value
   * @returns {number | undefined} undefined if there are too many
   */
  #addInput(name, value) {
    this.#length += name.length + value.length;
    const input = this.#inputs++;
    if (input === maxDistinct || this.#length > maxLength) return undefined;
    if (Math.max(name.length, value.length) > maxValue) return undefined;
    const inputs = new Map();
    const added = { index: this.#names.size, value, input, inputs };
    const known = this.#names.get(name) ?? added;
    if (known === added) {
      this.#names.set(name, known);
      this.names.add(JSON.stringify(name));
    }
    known.inputs.set(value, input);
    this.inputs.add(`[${known.index},${JSON.stringify(value)}]`);
    return input;
  }
}

/** The elements of a JSON array, which grows. */
class JsonElements {
  /** @type {Buffer[]} */
  #bytes = [];
  #last = '';
  #isEmpty = true;

  /** @param {string} element */
  add(element) {
    this.#last += this.#isEmpty ? element : `,${element}`;
    this.#isEmpty = false;
    if (this.#last.length > 16_384) this.bytes();
  }

  bytes() {
    this.#bytes.push(Buffer.from(this.#last));
    this.#last = '';
    return this.#bytes;
  }
}

module.exports = { InputTable, JsonElements };
