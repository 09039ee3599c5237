// Package doctor examines a workspace and its cache, and reports what is wrong and how to
// fix it. It takes a [config.Workspace] and returns a [Report]; what people and programs
// read is a function of the report ([Report.Print], and the JSON of its fields).
//
// It touches the storage only with entries of its own, whose hashes begin with "canary-",
// and removes them again. It knows no flags, and neither stdin nor stdout. A value that may
// be a secret never gets into a report.
package doctor
