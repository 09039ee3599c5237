'use strict';

// nx#31191: Nx reported a 50 MB Go binary as restored, but its folder was missing.

const { fullTest, quickTest } = require('../kit/tests');
const { roundTrip } = require('./round-trip');
const { buildLargeFile } = require('./workspace');

quickTest('F07_large_file_restores_60_MB', (t) =>
  roundTrip(t, buildLargeFile(60)),
);

fullTest('F07_large_file_restores_300_MB', (t) =>
  roundTrip(t, buildLargeFile(300)),
);
