package doctor

import (
	"context"
	"fmt"
)

const binaryCheck = "the binary"

// examineLauncher reports what the npm package found, and compares its version with this
// one.
func examineLauncher(_ context.Context, e *examination, r *Report) {
	launcher := e.Document.Launcher
	if launcher == nil {
		r.skip(partPackage, "not known: run this with npx in the workspace (npx nx-azure-cache doctor)")
		r.add(partVersions, "binary", binaryCheck, statusOK, e.version, "")
		return
	}
	for _, c := range launcher.Checks {
		r.add(Part(c.Part), c.ID, c.Check, Status(c.Status), c.Seen, c.Fix)
	}
	if launcher.Version == e.version {
		r.add(partVersions, "binary", binaryCheck, statusOK, e.version, "")
		return
	}
	r.add(partVersions, "binary", binaryCheck, statusFailed,
		fmt.Sprintf("%s, and the package nx-azure-cache is %s: no run uses the cache", e.version, launcher.Version),
		"install again, so that the lockfile has one version of nx-azure-cache and @nx-azure-cache/*; unset NX_AZURE_CACHE_BINARY")
}
