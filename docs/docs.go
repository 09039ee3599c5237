// Package docs embeds the pages that the binary prints.
package docs

import _ "embed"

// Troubleshooting is the page with a section for each code of a line.
//
//go:embed troubleshooting.md
var Troubleshooting string
