'use strict';

// nx#36943, #30335: outputs over 2 GiB, or with 20,000 small files, were never stored, and
// only --verbose reported it.

const { fullTest, nightlyTest } = require('../kit/tests');
const { roundTrip } = require('./round-trip');

fullTest('F08_20000_files', (t) =>
  roundTrip(
    t,
    `for (let i = 0; i < 20_000; i++) {
      const folder = path.join(dist, String(i % 200));
      fs.mkdirSync(folder, { recursive: true });
      fs.writeFileSync(path.join(folder, i + '.js'), 'exports.i = ' + i + ';\\n');
    }`,
  ),
);

nightlyTest('F08_sparse_file_of_2200_MiB', (t) =>
  roundTrip(
    t,
    `const file = fs.openSync(path.join(dist, 'large'), 'w');
    fs.ftruncateSync(file, 2200 * 1024 * 1024);
    fs.writeSync(file, 'at the end', 2200 * 1024 * 1024);
    fs.closeSync(file);`,
  ),
);
