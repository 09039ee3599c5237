package doctor

import (
	"context"
	"fmt"

	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/doctor/report"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
	"github.com/nx-azure-cache/nx-azure-cache/license"
)

// examineLicense reports whether a license is valid. Without one the cache is off, but the
// other checks still make sense.
func examineLicense(_ context.Context, e *examination, r *report.Report) {
	const id, what = "license", "license"
	choice, err := config.ChooseLicense(license.Find(e.Getenv, e.Document.WorkspaceRoot), e.Document.NxVersion, e.now)
	if err != nil {
		r.Add(report.License, id, what, report.Failed, err.Error(), "install nx-azure-cache again: remove node_modules, then npm install")
		return
	}
	if choice.Status != license.Valid {
		r.Add(report.License, id, what, report.Failed, fmt.Sprintf("%s: %s", choice.Status, choice.Reason), explainedLine("npx nx generate @nx/powerpack-azure-cache:activate KEY; "+docs+"setup.md#4-license", diagnostic.Message{Code: choice.Diagnostic(), Text: choice.Reason}))
		return
	}
	seen := fmt.Sprintf("valid, for %s until %s, in %s", choice.Organization, terminal.Day(choice.ExpiresAt), choice.Source)
	if choice.ForGood {
		seen += fmt.Sprintf(", and for good with Nx up to %d", choice.PerpetualNxMajor)
	}
	if others := len(choice.All) - 1; others > 0 {
		seen += fmt.Sprintf(", and %d more (npx nx-azure-cache license status)", others)
	}
	found := report.OK
	text, soon := choice.ExpiresSoon(e.now)
	if soon {
		found = report.Warning
		text = explainedLine(text, diagnostic.Message{Code: diagnostic.LicenseExpiresSoon, Text: text})
	}
	r.Add(report.License, id, what, found, seen, text)
}
