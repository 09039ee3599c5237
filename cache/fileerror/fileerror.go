// Package fileerror is the errors of this machine's file system, each with what fixes
// it. It knows the numbers of the systems and what to say of them; it must not know the
// storage, nor what results and archives are.
package fileerror

import (
	"errors"
	"fmt"

	"github.com/nx-azure-cache/nx-azure-cache/cache/descriptors"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diskspace"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

// Error is an error of this machine's file system, where results lie and this
// process works. The code that touches files makes it: errors of the network hold
// the same numbers of the system (EMFILE, EACCES, EPIPE), so that a number does not
// tell the two apart.
type Error struct {
	Err error
	fix string // "" where Err says what to do
	// isRefusal is set where the error turns the cache off for a cache directory.
	isRefusal bool
}

func (e *Error) Error() string {
	if e.fix == "" {
		return e.Err.Error()
	}
	return shorten(e.Err.Error(), maxFileText) + "; " + e.fix
}

func (e *Error) Unwrap() error { return e.Err }

// NonRetriable tells azcore's retry policy that sending again is in vain: a body
// could not be read.
func (*Error) NonRetriable() {}

const (
	// maxPath is how much of a path a message shows, in bytes.
	maxPath = 240
	// maxFileText is how much of what the system says, which has paths in it.
	maxFileText = 400
)

// shorten is [printable.Short] of what is too long, and nothing of what is not: who
// shows it makes it printable.
func shorten(text string, max int) string {
	if len(text) <= max {
		return text
	}
	return printable.Short(text, max)
}

// Is reports whether an error is one of the file system.
func Is(err error) bool {
	_, ok := errors.AsType[*Error](err)
	return ok
}

// Of makes an [Error] of what went wrong with files in or below a directory, unless it
// is one.
func Of(directory string, err error) error {
	if err == nil || Is(err) {
		return err
	}
	return &Error{Err: err, fix: fixOf(directory, err)}
}

// New makes an [Error] with a fix of its own.
func New(err error, fix string) *Error { return &Error{Err: err, fix: fix} }

// Refuse is an error that turns the cache off for a cache directory: the user must act.
func Refuse(format string, args ...any) error {
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			args[i] = shorten(text, maxPath)
		}
	}
	return &Error{Err: fmt.Errorf(format, args...), isRefusal: true}
}

// IsRefusal reports whether an error is one that [Refuse] has made.
func IsRefusal(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.isRefusal
}

// IsTooMany reports whether an error says that no more files may be open. For the
// system a connection is one, too.
func IsTooMany(err error) bool { return descriptors.Missing(err) != nil }

// NewTooMany makes an [Error] of an error of a connection that would have been
// one file too many.
func NewTooMany(err error) *Error { return &Error{Err: err, fix: tooManyFix} }

const tooManyFix = "this process or machine has too many files open: raise the limit (`ulimit -n 4096` in the shell that starts Nx), or run fewer tasks at once (--parallel)"

// fixOf says what fixes an error of a file system. npm/nx-azure-cache/lib/file-error.js
// says the same; the tests of both read testdata/file-errors.json.
func fixOf(directory string, err error) string {
	directory = shorten(directory, maxPath)
	switch {
	case errors.Is(err, diskspace.ErrTooLittle), diskspace.IsFull(err):
		return fmt.Sprintf("free space on the file system of %s, or set NX_CACHE_DIRECTORY to a directory on another", directory)
	case isOneOf(err, errnos.readOnly):
		return fmt.Sprintf("the file system of %s is read-only: mount it writable, or set NX_CACHE_DIRECTORY to a directory on another", directory)
	case isOneOf(err, errnos.denied):
		return fmt.Sprintf("another user (sudo, a container) may own %s or a file in it: make the user of this run the owner (chown -R), or set NX_CACHE_DIRECTORY to a directory of your own", directory)
	case isOneOf(err, errnos.tooMany):
		return tooManyFix
	case isOneOf(err, errnos.crossDevice):
		return fmt.Sprintf("%s spans several file systems (a mount, or a layer of a container image): set NX_CACHE_DIRECTORY to a directory on a single one", directory)
	case isOneOf(err, errnos.gone):
		return fmt.Sprintf("another process has removed files in %s (`nx reset`, a cleaner of temporary files): run Nx again, and stop that process if this recurs", directory)
	case isOneOf(err, errnos.broken):
		return fmt.Sprintf("the disk or network drive of %s reports errors: check the system log (`dmesg`), or set NX_CACHE_DIRECTORY to a directory on another", directory)
	default:
		return fmt.Sprintf("check the file system of %s, or set NX_CACHE_DIRECTORY to a directory on another", directory)
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

// systemErrnos are the errors of a system, by what fixes them.
type systemErrnos struct {
	readOnly, denied, tooMany, crossDevice, gone, broken []error
}
