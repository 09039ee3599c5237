package main

import "time"

// quiet is how long work may take before a line about it is shown.
const quiet = time.Second
