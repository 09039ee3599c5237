// Package report has the result of doctor: rows, a verdict and an exit code. What people
// and programs read is a function of a [Report] ([Report.Print], and the JSON of its
// fields). It examines nothing, and knows neither the configuration nor the storage.
package report
