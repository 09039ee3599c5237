// Package taskhash checks the task hashes of Nx. Only a valid hash may become part of a
// path, of a blob's name, or of a line that another process reads. It must not know what
// the hash is used for.
package taskhash

import (
	"fmt"
	"regexp"

	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

// hashes matches what Nx's hashers make: decimal digits, with letters in older versions.
var hashes = regexp.MustCompile(`^[0-9A-Za-z_-]{1,128}$`)

// maxShown is how much of an invalid hash a message shows, in bytes.
const maxShown = 160

// Check returns an error unless hash can be a task hash of Nx.
func Check(hash string) error {
	if !hashes.MatchString(hash) {
		return fmt.Errorf("hash is %q; allowed are 1 to 128 letters, digits, _ and -", printable.Short(hash, maxShown))
	}
	return nil
}
