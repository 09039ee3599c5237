'use strict';

const fs = require('node:fs');

/**
 * The facts in the headers of an executable.
 *
 * @typedef {object} Executable
 * @property {'linux' | 'darwin' | 'win32'} os
 * @property {string} cpu
 * @property {string[]} libraries that it asks the system for when it starts
 * @property {boolean} isSigned on macOS: whether it has a signature, which arm64
 *   requires
 * @property {number} subsystem on Windows: 3 for a console program
 */

/**
 * Reads the headers of a 64-bit executable: ELF, Mach-O or PE.
 *
 * @param {string} file
 * @returns {Executable}
 */
function readExecutable(file) {
  const content = fs.readFileSync(file);
  if (content.readUInt32BE(0) === 0x7f454c46) return readElf(content);
  if (content.readUInt32LE(0) === 0xfeedfacf) return readMachO(content);
  if (content.toString('latin1', 0, 2) === 'MZ') return readPe(content);
  throw new Error(`${file} is neither ELF, Mach-O nor PE`);
}

const none = { libraries: [], isSigned: false, subsystem: 0 };

/**
 * @param {Buffer} elf
 * @returns {Executable}
 */
function readElf(elf) {
  const start = Number(elf.readBigUInt64LE(32));
  const size = elf.readUInt16LE(54);
  const headers = Array.from({ length: elf.readUInt16LE(56) }, (_, i) =>
    elf.readUInt32LE(start + i * size),
  );
  if (headers.length === 0) throw new Error('it has no program headers');
  // PT_INTERP names the loader of libraries, PT_DYNAMIC the libraries.
  const isDynamic = headers.some((type) => type === 3 || type === 2);
  return {
    ...none,
    os: 'linux',
    cpu: named({ 62: 'x64', 183: 'arm64' }, elf.readUInt16LE(18)),
    libraries: isDynamic ? ['a loader'] : [],
  };
}

/**
 * @param {Buffer} macho
 * @returns {Executable}
 */
function readMachO(macho) {
  const libraries = [];
  let isSigned = false;
  let at = 32;
  for (let i = 0; i < macho.readUInt32LE(16); i++) {
    const command = macho.readUInt32LE(at);
    const size = macho.readUInt32LE(at + 4);
    // LC_LOAD_DYLIB, with the name at an offset
    if (command === 0xc) {
      const name = at + macho.readUInt32LE(at + 8);
      libraries.push(text(macho, name));
    }
    // LC_CODE_SIGNATURE: where it is, and the magic of an embedded signature
    if (command === 0x1d) {
      const signature = macho.readUInt32LE(at + 8);
      isSigned = macho.readUInt32BE(signature) === 0xfade0cc0;
    }
    at += size;
  }
  return {
    ...none,
    os: 'darwin',
    cpu: named(
      { 0x01000007: 'x64', 0x0100000c: 'arm64' },
      macho.readUInt32LE(4),
    ),
    libraries,
    isSigned,
  };
}

/**
 * @param {Buffer} pe
 * @returns {Executable}
 */
function readPe(pe) {
  const header = pe.readUInt32LE(0x3c);
  if (pe.toString('latin1', header, header + 4) !== 'PE\0\0') {
    throw new Error('it has no PE header');
  }
  const optional = header + 24;
  const sections = optional + pe.readUInt16LE(header + 20);
  const count = pe.readUInt16LE(header + 6);
  /** @param {number} address in memory */
  const inFile = (address) => {
    for (let at = sections, i = 0; i < count; i++, at += 40) {
      const start = pe.readUInt32LE(at + 12);
      if (address < start || address >= start + pe.readUInt32LE(at + 8)) {
        continue;
      }
      return address - start + pe.readUInt32LE(at + 20);
    }
    throw new Error(`no section of the file is at ${address}`);
  };
  const libraries = [];
  // The import directory: entries of 20 bytes; the last entry is empty.
  let at = inFile(pe.readUInt32LE(optional + 112 + 8));
  for (; pe.readUInt32LE(at + 12) !== 0; at += 20) {
    libraries.push(text(pe, inFile(pe.readUInt32LE(at + 12))).toLowerCase());
  }
  return {
    ...none,
    os: 'win32',
    cpu: named({ 0x8664: 'x64', 0xaa64: 'arm64' }, pe.readUInt16LE(header + 4)),
    libraries,
    subsystem: pe.readUInt16LE(optional + 68),
  };
}

/**
 * @param {Record<number, string>} names
 * @param {number} number
 */
const named = (names, number) => names[number] ?? `unknown (${number})`;

/**
 * @param {Buffer} content
 * @param {number} start of a string that ends in a NUL
 */
const text = (content, start) =>
  content.toString('latin1', start, content.indexOf(0, start));

exports.readExecutable = readExecutable;
