package main

import (
	"context"
	"fmt"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/license"
)

// examineLicence shows whether there is a licence that counts. Without one the
// cache is off; the rest can be looked at all the same.
func examineLicence(_ context.Context, p *patient, r *report) {
	const id, what = "licence", "licence"
	keys, err := license.Issuers()
	if err != nil {
		r.add(partLicence, id, what, failed, err.Error(), "install nx-azure-cache again")
		return
	}
	licence := license.Check(license.Find(p.getenv, p.document.WorkspaceRoot), keys, p.now)
	if licence.Status != license.Valid {
		r.add(partLicence, id, what, failed, fmt.Sprintf("%s: %s", licence.Status, licence.Reason), "nx g @nx/powerpack-azure-cache:activate KEY")
		return
	}
	found := ok
	text, soon := licence.ExpiresSoon(p.now)
	if soon {
		found = warning
	} else {
		text = ""
	}
	r.add(partLicence, id, what, found,
		fmt.Sprintf("valid, for %s until %s, in %s", licence.Organization, licence.ExpiresAt.Format(time.DateOnly), licence.Source), text)
}
