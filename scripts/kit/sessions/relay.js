'use strict';

// The program that the client starts as its server. It connects its stdio to the process of
// the test. Its arguments are a prefix of the paths of files with which the two coordinate, and
// a port of the test.

const fs = require('node:fs');
const net = require('node:net');

const [file, port] = process.argv.slice(2);

fs.writeFileSync(`${file}.client`, String(process.ppid));
fs.appendFileSync(`${file}.pids`, `${process.pid} `);
const socket = net.connect({
  ...{ host: '127.0.0.1', port: Number(port), allowHalfOpen: true },
});
process.stdin.pipe(socket);
process.stdin.on('end', () => process.exit());
let written = 0;
socket.on('data', (data) => {
  process.stdout.write(data, () => {
    written += data.length;
    fs.writeFileSync(`${file}.written`, String(written));
  });
});
socket.on('end', () => {
  if (!fs.existsSync(`${file}.exit`)) {
    process.stdout.end();
    fs.closeSync(1);
    return;
  }
  const exit = JSON.parse(fs.readFileSync(`${file}.exit`, 'utf8'));
  process.stderr.write(exit.stderr, () => process.exit(exit.code));
});
socket.on('error', () => process.exit());
