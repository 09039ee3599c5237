'use strict';

// The program that the client starts as its server. It connects its stdio to the process of
// the test. Its arguments are a prefix of the paths of files with which the two coordinate, a
// port of the test, and the arguments of the binary.

const fs = require('node:fs');
const net = require('node:net');

const [file, port, command] = process.argv.slice(2);

if (command === 'drain') {
  // The real binary prints this when all results are stored.
  const summary = Object.fromEntries(
    [
      ...[
        'hits',
        'misses',
        'damaged',
        'stored',
        'existing',
        'skipped',
        'evicted',
      ],
      ...['failed', 'bytesRead', 'bytesWritten'],
    ].map((name) => [name, 0]),
  );
  const result = { ended: 'stored', waiting: 0, summary, problems: null };
  process.stdout.write(`${JSON.stringify(result)}\n`);
} else {
  serve();
}

function serve() {
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
}
