package terminal

import "time"

// Quiet is how long work may take before a line about it is shown.
const Quiet = time.Second
