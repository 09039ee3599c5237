// Package jobsummary writes what a run did where CIs and other tools show it: Markdown for
// GitHub Actions and Azure Pipelines, metrics for GitLab, and a line of JSON for all others.
//
// It takes a finished record of the run. It must not know where records are stored, nor
// how a run ends. Names in a record are foreign: no name becomes a link, an image, HTML, a
// mention or a command of a CI. Only the environment that the process was started with says
// which files are written, and no link of a checkout redirects one.
package jobsummary
