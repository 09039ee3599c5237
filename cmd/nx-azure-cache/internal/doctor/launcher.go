package doctor

import (
	"context"
	"fmt"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/doctor/report"
)

const binaryCheck = "the binary"

// examineLauncher reports what the npm package found, and compares its version with this
// one.
func examineLauncher(_ context.Context, e *examination, r *report.Report) {
	launcher := e.Document.Launcher
	if launcher == nil {
		r.Skip(report.Package, "not known: run this with npx in the workspace (npx nx-azure-cache doctor)")
		r.Add(report.Versions, "binary", binaryCheck, report.OK, e.version, "")
		return
	}
	for _, c := range launcher.Checks {
		r.Add(report.Part(c.Part), c.ID, c.Check, report.Status(c.Status), c.Seen, c.Fix)
	}
	if launcher.Version == e.version {
		r.Add(report.Versions, "binary", binaryCheck, report.OK, e.version, "")
		return
	}
	r.Add(report.Versions, "binary", binaryCheck, report.Failed,
		fmt.Sprintf("%s, and the package nx-azure-cache is %s: no run uses the cache", e.version, launcher.Version),
		"install again, so that the lockfile has one version of nx-azure-cache and @nx-azure-cache/*; unset NX_AZURE_CACHE_BINARY")
}
