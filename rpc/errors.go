package rpc

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/sourcegraph/jsonrpc2"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/fileerror"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

// The error codes in addition to those of JSON-RPC; doc.go says what each means.
const (
	CodeUnavailable   = 1
	CodeMisconfigured = 2
	CodeDamaged       = 3
	CodeDisabled      = 4
	CodeFileSystem    = 5

	CodeNotInitialized = -32002 // of the Language Server Protocol, like the next
	CodeCancelled      = -32800
)

const (
	// maxShown is how much of a client's string a message shows, in bytes.
	maxShown = 160
	// maxLine bounds a message, in bytes.
	maxLine = 4000
)

// wireError is the only function that turns a Go error into a protocol error.
func wireError(err error) *jsonrpc2.Error {
	if e, ok := errors.AsType[*jsonrpc2.Error](err); ok {
		return e
	}
	code, own := classify(err)
	found := &jsonrpc2.Error{Code: code, Message: printable.Short(printable.Line(err.Error()), maxLine)}
	return withDiagnostic(found, own)
}

// classify returns the code of an error that is not a protocol error, and its diagnostic.
func classify(err error) (code int64, own diagnostic.Code) {
	code = CodeUnavailable
	switch _, config := errors.AsType[*cache.ConfigError](err); {
	case fileerror.Is(err): // even if the user must act
		code = CodeFileSystem
	case errors.Is(err, cache.ErrPanic):
		code = jsonrpc2.CodeInternalError
	case config:
		code = CodeMisconfigured
	case errors.Is(err, cache.ErrDamaged):
		code = CodeDamaged
	case errors.Is(err, cache.ErrOff):
		code = CodeDisabled
	case errors.Is(err, context.Canceled):
		code = CodeCancelled
	}
	own, _ = diagnostic.CodeOf(err)
	return code, cmp.Or(own, generalDiagnostics[code])
}

// generalDiagnostics are those of errors that carry none, by their code.
var generalDiagnostics = map[int64]diagnostic.Code{
	CodeUnavailable:            diagnostic.StorageFailed,
	CodeMisconfigured:          diagnostic.RequestRefused,
	CodeDamaged:                diagnostic.EntryDamaged,
	CodeFileSystem:             diagnostic.FileSystemFailed,
	CodeCancelled:              diagnostic.Cancelled,
	jsonrpc2.CodeInternalError: diagnostic.Bug,
	jsonrpc2.CodeInvalidParams: diagnostic.NotFromNx,
}

// errorData is the data of an error.
type errorData struct {
	Diagnostic diagnostic.Code `json:"diagnostic"`
}

func withDiagnostic(err *jsonrpc2.Error, code diagnostic.Code) *jsonrpc2.Error {
	if code != "" {
		err.SetError(errorData{code})
	}
	return err
}

// protocolError returns an error that only its code explains, without a Go error behind it.
func protocolError(code int64, format string, args ...any) *jsonrpc2.Error {
	err := &jsonrpc2.Error{Code: code, Message: printable.Short(printable.Line(fmt.Sprintf(format, args...)), maxLine)}
	return withDiagnostic(err, generalDiagnostics[code])
}
