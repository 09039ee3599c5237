'use strict';

// The sessions of testdata/rpc against our server, built with Go's race detector; and the
// failures of sessions and servers that the runner must find.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, before, describe, test } = require('node:test');
const { go } = require('../go');
const { root } = require('../root');
const { attempt } = require('../run');
const { loadSessions, parseSession } = require('./parse');
const { buildServer, programsFor } = require('./programs');
const { runAgainstServer } = require('./server-run');

/** @import { Programs } from './server-run' */

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nx-azure-cache-test-'));
/** @type {Programs} with the race detector in the server under test only: it takes most of the CPU */
let programs;
/** @type {Programs} without it, for tests of the runner */
let plain;
before(async () => {
  const helper = await buildServer(subfolder('plain'), 'development');
  const server = await buildServer(folder, 'race');
  plain = await programsFor(helper, folder);
  programs = { ...plain, server, helper };
});
after(() => fs.rmSync(folder, { recursive: true }));

/** @param {string} name */
function subfolder(name) {
  const made = path.join(folder, name);
  fs.mkdirSync(made);
  return made;
}

/** Sessions mostly wait, so there may be more than cores. */
const concurrency = 2 * os.availableParallelism();

const sessions = loadSessions().filter(({ audience }) => audience !== 'client');
if (sessions.length === 0) throw new Error('no session is for the server');

describe('sessions against the server', { concurrency }, () => {
  for (const session of sessions) {
    test(session.name, () => runAgainstServer(programs, session));
  }
});

test('npm run fixtures runs the sessions with a name', async () => {
  const script = path.join(root, 'scripts/fixtures.js');
  const names = ['initialize-', 'retrieve-hit'];
  const args = [script, '--server', plain.server, ...names];
  const { code, output } = await attempt('node', args);
  assert.equal(code, 0, output);
  const named = sessions.filter(({ name }) =>
    names.some((part) => name.includes(part)),
  );
  assert.ok(named.length > names.length);
  assert.ok(output.includes(`\n${named.length} passed, 0 failed`), output);
  for (const { name } of named) assert.ok(output.includes(`✔ ${name}\n`));
});

describe('examples in the documentation', { concurrency }, () => {
  for (const file of ['testdata/rpc/README.md', 'CONTRIBUTING.md']) {
    const text = fs.readFileSync(path.join(root, file), 'utf8');
    // As it stands in the file: an example that is indented does not parse.
    const examples = [...text.matchAll(/^ *```\w*\n([^]*?)^ *```$/gm)]
      .map(([, code]) => code)
      .filter((code) => /^ *for (server|both)$/m.test(code));
    test(`${file} has one example, which passes`, async () => {
      assert.equal(examples.length, 1);
      await runAgainstServer(programs, parseSession(file, examples[0]));
    });
    test(`${file} gives its example a name that is free`, () => {
      const [, name] =
        /(?:such as|save it as)\s+`testdata\/rpc\/([\w-]+)\.session`/.exec(
          text,
        ) ?? [];
      assert.ok(name);
      assert.ok(text.includes(`npm run fixtures -- ${name}`));
      const taken = loadSessions().filter((session) =>
        session.name.includes(name),
      );
      assert.deepEqual(taken, []);
    });
  }
});

describe('a session fails on', { concurrency }, () => {
  const stored = 'stored 123 0 "done"\n  a.txt "a"';
  /** @type {Record<string, [string, RegExp]>} */
  const failing = {
    'a different value': [
      '< 1 {"mode": "read-only", ...}',
      /x:6: the response is different:\n {2}result\.mode: want "read-only", got "read-write"/,
    ],
    'an extra member': [
      '< 1 {"mode": "read-write"}',
      /result\.drain: want nothing, got 60000/,
    ],
    'a missing member': [
      '< 1 {"mood": "good", ...}',
      /x:6: .*\n {2}result\.mood: want "good", got nothing/,
    ],
    'an unknown placeholder': [
      '< 1 {"mode": "${nothing}", ...}',
      /x:6: unknown placeholder \$\{nothing\}/,
    ],
    'a string that does not match its pattern': [
      '< 1 {"mode": "${matches ^x}", ...}',
      /x:6: .*\n {2}result\.mode: want "\$\{matches \^x\}", got "read-write"/,
    ],
    'a string without the wanted part': [
      '< 1 {"mode": "${contains x}", ...}',
      /result\.mode: want "\$\{contains x\}", got/,
    ],
    'a value of another type': [
      '< 1 {"mode": "${number}", "drain": "${string}", ...}',
      /result\.mode: want "\$\{number\}", got [^]*result\.drain: want "\$\{string\}"/,
    ],
    'a missing error': [
      '< 1 error -32600',
      /x:6: .*\n {2}error: want .*, got nothing/,
    ],
    'an error with another code': [
      '< 1 {...}\n> 2 frobnicate\n< 2 error 1',
      /x:8: .*\n {2}error\.code: want 1, got -32601/,
    ],
    'a response that no line expects': [
      '< 1 {...}\n> 2 frobnicate\n> 3 shutdown\n< 3 {...}',
      /at the end of client A: unexpected messages:\n.*"id":2/,
    ],
    'a message that does not come before the end': [
      '< 1 {...}\n> close\n< log {...}',
      /x:8: the stream ended \(end\) before this message/,
    ],
    'another exit code': [
      '< 1 {...}\n> close\n< exit 1 "x"',
      /x:8: want the exit code 1, got 0\nstderr: want "x", got ""/,
    ],
    'other words on stderr': [
      '< 1 {...}\n> close\n< exit 0 "words"',
      /x:8: stderr: want "words", got ""/,
    ],
    'another tree': [
      '< 1 {...}\nexpect tree ${workspaceRoot}\n  a.txt "a"',
      /x:7: .*\n {2}want a\.txt 644 "a"\n {2}got {2}\.nx\/ 755/,
    ],
    'an unwanted file': [
      '< 1 {...}\nexpect no ${workspaceRoot}/.nx',
      /x:7: want nothing at/,
    ],
    'other blobs': [
      '< 1 {...}\nexpect blobs none',
      /x:7: want the blobs \["none"\], got \["v1\/local\/123"\]/,
    ],
    'other requests': [
      '< 1 {...}\nexpect requests GET 404',
      /x:7: want the requests \["GET 404"\], got \["none"\]/,
    ],
    'a missing result': [
      '< 1 {...}\nexpect stored 456 0 ""',
      /x:7: the container has no result 456/,
    ],
    'a result with another exit code': [
      '< 1 {...}\nexpect stored 123 1 "done"',
      /x:7: want the code 1, got 0/,
    ],
    'a result with other terminal output': [
      '< 1 {...}\nexpect stored 123 0 "x"',
      /x:7: terminal output: want "x", got "done"/,
    ],
    'a result with other files': [
      '< 1 {...}\nexpect stored 123 0 "done"\n  a.txt "b"',
      /x:7: [^]*want a\.txt 644 "b"\n {2}got {2}a\.txt 644 "a"/,
    ],
    leftovers: [
      '< 1 {...}\ntree ${otherCacheDirectory}\n  .nx-azure-cache-1 "x"',
      /x: at the end: left behind: \.nx-azure-cache-1$/,
    ],
    'an unknown kind of damage': [
      '< 1 {...}\ndamage 123 frobnicate',
      /x:7: there is no damage "frobnicate"/,
    ],
    'damage to a missing result': [
      '< 1 {...}\ndamage 456 flip',
      /x:7: nothing is stored under 456/,
    ],
    'an unknown behaviour of the storage': [
      '< 1 {...}\nstorage GET never',
      /x:7: "GET never" is not a method and a behaviour/,
    ],
    'a missing archive': ['< 1 {...}\narchive 1 nothing.tar', /x:7: ENOENT/],
    'an exit of the client': [
      '> exit 1\n< 1 {...}',
      /x:6: a client cannot exit/,
    ],
    'raw bytes of the server': [
      '< raw "x"',
      /x:6: "< raw" is for sessions for the client/,
    ],
    'a value that cannot be sent': [
      '< 1 {...}\n> 2 retrieve {"hash": "${matches x}"}\n< 2 null',
      /x:7: \$\{matches x\} cannot be sent/,
    ],
    'a "..." without meaning': [
      '< 1 {...}\n> 2 retrieve {...}\n< 2 null',
      /x:7: "\.\.\." has no meaning here/,
    ],
  };
  for (const [how, [lines, message]] of Object.entries(failing)) {
    test(how, async () => {
      // Another server stores it: only for those that use it.
      const before = /123/.test(`${lines}${message}`) ? stored : '\n';
      const head = `# x\nfor server\n${before}\n> 1 initialize {...}\n`;
      const session = parseSession('x', `${head}${lines}\n`);
      await assert.rejects(runAgainstServer(plain, session), message);
    });
  }
});

describe('a server fails', { concurrency }, () => {
  /** Milliseconds to wait for what never comes. A busy machine starts Node in seconds. */
  const short = 5_000;
  /** @type {Record<string, [string, string, RegExp]>} the server's script and the session's lines, by what the server does */
  const failing = {
    'that exits at once': ['', '< 1 {...}', /x:4: the stream ended \(end\)/],
    'that writes words to stdout': [
      "process.stdout.write('hello\\nworld\\n')",
      '< 1 {...}',
      /x:4: the stream ended \(Error: not a Content-Length header: "hello\\nworld/,
    ],
    'that writes a header in another form': [
      "process.stdout.write('content-length: 2\\r\\n\\r\\n{}')",
      '< 1 {...}',
      /x:4: the stream ended \(Error: not a Content-Length header/,
    ],
    'that writes no JSON': [
      "process.stdout.write('Content-Length: 2\\r\\n\\r\\nxx')",
      '< 1 {...}',
      /x:4: the stream ended \(SyntaxError/,
    ],
    'that ends within a message': [
      "process.stdout.write('Content-Length: 9\\r\\n\\r\\n{}')",
      '< 1 {...}',
      /x:4: the stream ended \(it ended within a message/,
    ],
    'that does not respond': [
      'setTimeout(() => {}, 60_000)',
      '< 1 {...}',
      /x:4: the message did not arrive:\n.*\nand no other message did/,
    ],
    'that does not close its stdout': [
      'setTimeout(() => {}, 60_000)',
      '< close',
      /x:4: the stream did not end/,
    ],
    'that does not exit': [
      "require('node:fs').closeSync(1); setTimeout(() => {}, 60_000)",
      '< close\n< exit 0',
      /x:5: the server did not exit/,
    ],
    'that does not read': [
      'setTimeout(() => {}, 60_000)',
      '> 2 x "${repeat 1000000 x}"\n< 1 {...}',
      /x:4: the other end does not read/,
    ],
    'with another exit code': [
      'process.exitCode = 3',
      '< close',
      /x: at the end of client A: want the exit code 0, got 3/,
    ],
    'that is killed': [
      "process.kill(process.pid, 'SIGKILL')",
      '< close',
      /x: at the end of client A: want the exit code 0, got SIGKILL/,
    ],
    'that writes to stderr': [
      "console.error('oh')",
      '< close',
      /x: at the end of client A: stderr: want "", got "oh\\n"/,
    ],
    'that removes a file of a request it rejects': [
      `process.stdin.on('data', (data) => {
        const file = /"terminalOutputPath":"([^"]*)"/.exec(data)?.[1];
        if (!file) return;
        require('node:fs').rmSync(file);
        const response = '{"jsonrpc":"2.0","id":2,"result":{"queued":false}}';
        process.stdout.write('Content-Length: ' + response.length + '\\r\\n\\r\\n' + response);
      })`,
      '> 2 store {"terminalOutputPath": "${file 1 x}"}\n< 2 {"queued": false}',
      /x:5: the server removed .*, a file of the client/,
    ],
    'that cannot be started': ['', '< close', /EACCES/],
  };
  for (const [how, [script, lines, message]] of Object.entries(failing)) {
    test(how, async () => {
      const server = path.join(fs.mkdtempSync(path.join(folder, 's-')), 's');
      const mode = how.includes('started') ? 0o644 : 0o755;
      fs.writeFileSync(server, `#!${process.execPath}\n${script}`, { mode });
      const text = `# x\nfor server\n> 1 initialize {...}\n${lines}\n`;
      const limit = how.startsWith('that does not') ? short : undefined;
      await assert.rejects(
        runAgainstServer(
          { ...programs, server, limit },
          parseSession('x', text),
        ),
        message,
      );
    });
  }

  test('with a data race, even if everything else passes', async () => {
    const server = await buildRacy();
    const pass = '# x\nfor server\n> close\n< exit 66 "${any}"\n';
    const fail = '# x\nfor server\n> close\n< exit 0\n';
    for (const [text, more] of /** @type {const} */ ([
      [pass, ''],
      [fail, '[^]*x:4: want the exit code 0, got 66'],
    ])) {
      const message = RegExp(
        `^Error: x: the race detector reports\n[^]*WARNING: DATA RACE[^]*main\\.go:${more}`,
      );
      await assert.rejects(
        runAgainstServer({ ...programs, server }, parseSession('x', text)),
        message,
      );
    }
  });
});

/** Builds a program that has a data race. */
async function buildRacy() {
  const source = path.join(folder, 'racy');
  fs.mkdirSync(source);
  fs.writeFileSync(path.join(source, 'go.mod'), 'module racy\n\ngo 1.26\n');
  fs.writeFileSync(
    path.join(source, 'main.go'),
    `package main

func main() {
	count, done := 0, make(chan bool)
	go func() { count++; close(done) }()
	count++
	<-done
}
`,
  );
  const file = path.join(source, 'racy');
  await go(['build', '-race', '-o', file, '.'], { cwd: source });
  return file;
}
