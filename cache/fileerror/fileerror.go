// Package fileerror adds a fix to the errors of this machine's file system. It knows the
// error numbers of the systems; it must not know the storage, nor what results and
// archives are.
package fileerror

import (
	"errors"
	"fmt"

	"github.com/nx-azure-cache/nx-azure-cache/cache/descriptors"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diskspace"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

// Error is an error of this machine's file system. The code that uses files makes it,
// because errors of the network hold the same error numbers (EMFILE, EACCES, EPIPE).
type Error struct {
	Err  error
	fix  string // "" if Err contains it
	code diagnostic.Code
	// isRefusal is set if the error turns the cache off for a cache directory.
	isRefusal bool
}

func (e *Error) Error() string {
	if e.fix == "" {
		return e.Err.Error()
	}
	return shorten(e.Err.Error(), maxMessage) + "; " + e.fix
}

func (e *Error) Unwrap() error { return e.Err }

// Diagnostic implements [diagnostic.Coded].
func (e *Error) Diagnostic() diagnostic.Code { return e.code }

// NonRetriable tells azcore's retry policy not to retry: the body of a request could not be
// read.
func (*Error) NonRetriable() {}

const (
	// maxPath is how much of a path a message shows, in bytes.
	maxPath = 240
	// maxMessage is how much of the system's message, which contains paths, in bytes.
	maxMessage = 400
)

// shorten is [printable.Short] for long strings. It leaves others unchanged: the code that
// prints them makes them printable.
func shorten(s string, max int) string {
	if len(s) <= max {
		return s
	}
	return printable.Short(s, max)
}

// Is reports whether an error is one of the file system.
func Is(err error) bool {
	_, ok := errors.AsType[*Error](err)
	return ok
}

// Of returns err, about files in or below a directory, as an [Error].
func Of(directory string, err error) error {
	if err == nil || Is(err) {
		return err
	}
	fix := fixOf(directory, err)
	return &Error{Err: err, fix: fix.Text, code: fix.Code}
}

// New returns an [Error] with the given fix.
func New(err error, fix diagnostic.Message) *Error {
	return &Error{Err: err, fix: fix.Text, code: fix.Code}
}

// Refuse returns an error that turns the cache off for a cache directory until the user acts.
func Refuse(code diagnostic.Code, format string, args ...any) error {
	for i, arg := range args {
		if path, ok := arg.(string); ok {
			args[i] = shorten(path, maxPath)
		}
	}
	return &Error{Err: fmt.Errorf(format, args...), code: code, isRefusal: true}
}

// IsRefusal reports whether [Refuse] has made an error.
func IsRefusal(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.isRefusal
}

// IsTooMany reports whether an error says that too many files are open. For the system, a
// connection is a file, too.
func IsTooMany(err error) bool { return descriptors.Missing(err) != nil }

// NewTooMany returns an [Error] for a connection that failed because too many files are
// open.
func NewTooMany(err error) *Error { return New(err, tooManyFix) }

var tooManyFix = diagnostic.Messagef(diagnostic.TooManyFiles, "this process or machine has too many files open: raise the limit (`ulimit -n 4096` in the shell that starts Nx), or run fewer tasks at once (--parallel)")

// fixOf returns the fix of an error of the file system. npm/nx-azure-cache/lib/file-error.js
// says the same; the tests of both read testdata/file-errors.json.
func fixOf(directory string, err error) diagnostic.Message {
	directory = shorten(directory, maxPath)
	switch {
	case errors.Is(err, diskspace.ErrTooLittle), diskspace.IsFull(err):
		return diagnostic.Messagef(diagnostic.DiskFull, "free space on the file system of %s, or set NX_CACHE_DIRECTORY to a directory on another", directory)
	case isOneOf(err, errnos.readOnly):
		return diagnostic.Messagef(diagnostic.FileSystemFailed, "the file system of %s is read-only: mount it writable, or set NX_CACHE_DIRECTORY to a directory on another", directory)
	case isOneOf(err, errnos.denied):
		return diagnostic.Messagef(diagnostic.DirectoryDenied, "another user (sudo, a container) may own %s or a file in it: make the user of this run the owner (chown -R), or set NX_CACHE_DIRECTORY to a directory of your own", directory)
	case isOneOf(err, errnos.tooMany):
		return tooManyFix
	case isOneOf(err, errnos.crossDevice):
		return diagnostic.Messagef(diagnostic.FileSystemFailed, "%s spans several file systems (a mount, or a layer of a container image): set NX_CACHE_DIRECTORY to a directory on a single one", directory)
	case isOneOf(err, errnos.gone):
		return diagnostic.Messagef(diagnostic.FileSystemFailed, "another process has removed files in %s (`nx reset`, a cleaner of temporary files): run Nx again, and stop that process if this recurs", directory)
	case isOneOf(err, errnos.broken):
		return diagnostic.Messagef(diagnostic.FileSystemFailed, "the disk or network drive of %s reports errors: check the system log (`dmesg`), or set NX_CACHE_DIRECTORY to a directory on another", directory)
	default:
		return diagnostic.Messagef(diagnostic.FileSystemFailed, "check the file system of %s, or set NX_CACHE_DIRECTORY to a directory on another", directory)
	}
}

func isOneOf(err error, numbers []error) bool {
	for _, number := range numbers {
		if errors.Is(err, number) {
			return true
		}
	}
	return false
}

// systemErrnos are the error numbers of a system, by fix.
type systemErrnos struct {
	readOnly, denied, tooMany, crossDevice, gone, broken []error
}
