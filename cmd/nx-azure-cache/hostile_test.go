package main

import "strings"

// reported is what the process writes to stderr for the error of a command.
func reported(err error) string {
	var stderr strings.Builder
	exitCodeOf(err, &stderr)
	return stderr.String()
}
