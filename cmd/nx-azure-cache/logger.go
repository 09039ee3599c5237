package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/rs/zerolog"
)

// The variables of the log. It is for looking into trouble: what users should
// know travels over the protocol.
const (
	logVariable     = "NX_AZURE_CACHE_LOG"      // debug, info or warn (default)
	logFileVariable = "NX_AZURE_CACHE_LOG_FILE" // appended to; default stderr
)

// newLogger returns the process's logger and what closes it. A setting that
// cannot be followed is a warning, never an error: a log must not cost a cache.
func newLogger(w world) (zerolog.Logger, func() error, []string) {
	var warnings []string
	level := zerolog.WarnLevel
	switch text := strings.TrimSpace(w.getenv(logVariable)); strings.ToLower(text) {
	case "", "warn":
	case "debug":
		level = zerolog.DebugLevel
	case "info":
		level = zerolog.InfoLevel
	default:
		warnings = append(warnings, fmt.Sprintf("%s is %s; allowed are debug, info and warn", logVariable, shown(text)))
	}
	var out io.Writer = zerolog.ConsoleWriter{Out: w.stderr, NoColor: true, TimeFormat: time.TimeOnly}
	closeLog := func() error { return nil }
	if path := strings.TrimSpace(w.getenv(logFileVariable)); path != "" {
		file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			warnings = append(warnings, fmt.Sprintf("%s: %v; logging to stderr", logFileVariable, err))
		} else {
			out, closeLog = file, file.Close
		}
	}
	return zerolog.New(out).Level(level).With().Timestamp().Int("pid", os.Getpid()).Logger(), closeLog, warnings
}
