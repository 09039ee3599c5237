// Package causes concludes from the records of runs why a task was a miss: what differs
// from the nearest stored result of the same task, or why there is no result to read.
//
// It is pure: the caller reads records and asks git, and passes what it found. Records are
// the claims of their writers, so a conclusion is for people, and nothing may depend on it.
// The package must not know where records come from, nor how a conclusion is printed.
package causes
