package doctor

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/doctor/report"
)

// The kinds of credentials.
const (
	identityKey   = "account-key"
	identitySAS   = "sas"
	identityEntra = "entra"
)

// The parts of a SAS that may be shown: letters of permissions, and a time.
var (
	sasLetters = regexp.MustCompile(`^[a-z]{1,20}$`)
	sasTime    = regexp.MustCompile(`^[0-9TZ:.-]{1,40}$`)
)

// identify returns the kind of credential.
func identify(s config.Settings) report.Identity {
	if s.SASURL != "" {
		_, query, _ := strings.Cut(s.SASURL.Reveal(), "?")
		return describeSAS(query, config.SASVariable)
	}
	if s.ConnectionString == "" {
		return report.Identity{Kind: identityEntra, Description: "an identity of Microsoft Entra ID"}
	}
	parsed, _ := endpoint.ParseConnectionString(s.ConnectionString) // its problems have rows
	if parsed.SAS != "" {
		return describeSAS(parsed.SAS.Reveal(), s.AccountFrom())
	}
	return report.Identity{Kind: identityKey, Description: "the key of the storage account, in " + s.AccountFrom()}
}

func describeSAS(token, variable string) report.Identity {
	found := report.Identity{Kind: identitySAS, Description: "a SAS, in " + variable}
	query, err := url.ParseQuery(strings.TrimPrefix(token, "?"))
	if err != nil {
		return found
	}
	if sp := query.Get("sp"); sasLetters.MatchString(sp) {
		found.Permissions = sp
		found.Description += ", with sp=" + sp
	}
	if query.Has("ss") {
		found.Description += ", for the whole account"
	}
	if se := query.Get("se"); sasTime.MatchString(se) {
		found.Description += ", until " + se
	}
	return found
}
