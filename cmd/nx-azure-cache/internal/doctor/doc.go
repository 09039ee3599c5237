// Package doctor examines a workspace and its cache, and reports what is wrong and how to
// fix it. It takes a [config.Workspace] and returns a [report.Report], which says how it
// is printed.
//
// It writes to the storage only entries of its own, whose hashes begin with "canary-", and
// removes them again. It also looks up the results of the last run, and lists the records
// of the last days. It knows no flags, and neither stdin nor stdout. A value that may
// be a secret never gets into a report.
package doctor
