//go:build !unix

package archive

import (
	"os"
	"time"
)

// setLinkTime does nothing: Windows gives a link the time it was made, and
// nothing that Nx does looks at it.
func setLinkTime(*os.Root, string, time.Time) error { return nil }
