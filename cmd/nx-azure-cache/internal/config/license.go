package config

import (
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/license"
)

// ChooseLicense chooses a license by the issuers that this build trusts.
func ChooseLicense(tokens []license.Token, nxVersion string, now time.Time) (license.Choice, error) {
	keys, err := license.Issuers()
	if err != nil {
		return license.Choice{}, err
	}
	return license.Choose(tokens, keys, license.Use{Now: now, NxMajor: license.NxMajor(nxVersion)}), nil
}
