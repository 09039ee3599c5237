'use strict';

/**
 * How many milliseconds a test waits for what must happen. Only what hangs takes as long:
 * a process that starts in 50 ms needs 8 s on a machine whose cores other tests have.
 * Whether something is fast is a question for the benchmark.
 */
exports.patience = 60_000;
