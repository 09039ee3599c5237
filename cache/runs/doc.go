// Package runs is the format of run records: what one run of Nx did with each task, and
// which inputs made its hash. Records answer why a result was a miss, and what the cache
// saves. They are data for people: neither retrieve nor store depends on one.
//
// This page specifies the format well enough to write a second reader or writer. The
// package knows records and their names. It must not know who makes a record, where the
// storage is, nor what is built on records.
//
// # The blob
//
// A run writes at most one record, as the blob
//
//	<prefix>/v1/<scope>/runs/<yyyy-mm-dd>/<hhmmss>-<session>
//
// The scope is the one that the run writes (package trust), so the rules about who may
// write an entry hold for records, too. The time is the end of the run, in UTC. session has
// up to 64 letters, digits, "-" and "_". The blob is never replaced.
//
// The body is JSON, compressed with zstd: zstd -dc FILE | jq. The metadata are
//
//	format  version of the format: 1
//	length  bytes of the body, decimal
//	sha256  of the body, 64 hexadecimal digits in lower case
//	dsse    only of trusted runs with a signing key: a [Statement] in a signed envelope,
//	        of another type than that of an entry
//
// # The JSON
//
// [Record] has the fields. Times are RFC 3339 with milliseconds, in UTC; durations are
// milliseconds; sizes are bytes. A field that is unknown is absent: a reader must not take
// it for 0. A reader ignores fields that it does not know.
//
// Each task lists its inputs as indices into the table Inputs, because hundreds of tasks
// share the same ones. An input is a name of Nx, such as "shop:shop/**/*" or "env:CI", and a
// tag of its value. The tag is the beginning of the SHA-256 of the string that Nx reports
// for the value: 16 bits, or 8 if the value may be a secret: the name is "command" (the
// arguments of the task), or begins with "env:", "runtime:" or "cwd:". Equal values have
// equal tags. Different values have equal tags in 1 of 65,536 cases, or 1 of 256. So a tag
// shows that an input has changed, and cannot confirm a guess of its value. The task hash
// can: it is a hash without a key over all inputs, and the name of the entry, too. Anyone
// with the sources can test guesses of a short secret with it.
//
// # What a record does not hold
//
// It holds no user name, no host name, no path of the machine, no value of a variable, no
// output of a command, no contents, and no arguments with which a task was run. The name of
// an input can be a command that the workspace declares, such as "runtime:node -v".
//
// A stored record holds no task that azure.include or azure.exclude keeps out of the remote
// cache, no input that only such tasks have, and no input that names a project if the record
// has only such tasks of it. Omitted counts these tasks. The record of the last run in the
// cache directory has them.
package runs
