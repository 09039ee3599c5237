package cachetest

import "time"

// Patience is how long a test waits for what must happen. Only what hangs takes as long: a
// process that starts in 50 ms needs seconds on a machine whose cores other tests have.
// Whether something is fast is a question for the benchmark.
const Patience = time.Minute
