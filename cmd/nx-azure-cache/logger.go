package main

import (
	"io"
	"os"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/rs/zerolog/diode"

	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
)

// The variables of the log, which is for debugging. What users should know goes over the
// protocol.
const (
	logVariable     = "NX_AZURE_CACHE_LOG"      // debug, info or warn (default)
	logFileVariable = "NX_AZURE_CACHE_LOG_FILE" // appended to; default stderr
)

// newLogger returns the logger and a function that closes it. An invalid setting is only a
// warning, because a log must not disable the cache.
func newLogger(std stdio) (zerolog.Logger, func() error, []diagnostic.Message) {
	var warnings []diagnostic.Message
	level := zerolog.WarnLevel
	switch text := strings.TrimSpace(std.getenv(logVariable)); strings.ToLower(text) {
	case "", "warn":
	case "debug":
		level = zerolog.DebugLevel
	case "info":
		level = zerolog.InfoLevel
	default:
		warnings = append(warnings, diagnostic.Messagef(diagnostic.SettingInvalid, "%s is %s; allowed are debug, info and warn", logVariable, config.Shown(text)))
	}
	out, closeLog, err := openLog(std)
	if err != nil {
		warnings = append(warnings, diagnostic.Messagef(diagnostic.SettingInvalid, "%s: %v; logging to stderr", logFileVariable, err))
	}
	return zerolog.New(out).Level(level).With().Timestamp().Int("pid", os.Getpid()).Logger(), closeLog, warnings
}

// openLog returns where the log goes. If there is an error, that is stderr.
func openLog(std stdio) (out io.Writer, closeLog func() error, err error) {
	if path := strings.TrimSpace(std.getenv(logFileVariable)); path != "" {
		var file *os.File
		if file, err = os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err == nil {
			return file, file.Close, nil
		}
	}
	// A parent that is ending no longer reads, and a full pipe must not delay results that
	// are still being stored.
	patient := diode.NewWriter(console{zerolog.ConsoleWriter{Out: std.stderr, NoColor: true, TimeFormat: time.TimeOnly}}, logLines, 0, nil)
	return patient, func() error { return closeWithin(patient, time.Second) }, err
}

// logLines is how many lines wait for stderr before the oldest ones are dropped.
const logLines = 10_000

// console hides the Close method of a console, which would close stderr.
type console struct{ io.Writer }

// closeWithin closes a writer, but does not wait longer than limit.
func closeWithin(w io.Closer, limit time.Duration) error {
	closed := make(chan error, 1)
	go func() { closed <- w.Close() }()
	select {
	case err := <-closed:
		return err
	case <-time.After(limit):
		return nil
	}
}
