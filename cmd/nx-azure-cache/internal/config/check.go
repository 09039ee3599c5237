package config

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/claims"
)

// Checked is what `config check --json` prints about a configuration. No value in it is a
// secret.
type Checked struct {
	// Valid reports whether no problem is an error.
	Valid bool `json:"valid"`
	// Mode is the mode of this run: local, or in CI as Nx sees it.
	Mode cache.Mode `json:"mode"`
	// Container is the container that will be used, from azure.container or a SAS URL; ""
	// where none is named, or its name is not allowed.
	Container string `json:"container"`
	// Credential is the sign-in that will be used: connection-string, sas, or a value of
	// azure.credential; "" is the first source of Entra ID that works.
	Credential string `json:"credential"`
	// CredentialFrom is what names the sign-in: azure.credential or a variable; "" where
	// nothing does.
	CredentialFrom string `json:"credentialFrom"`
	// AccountFrom is what names the storage account: azure.endpoint, azure.accountName or
	// a variable; "" where nothing does.
	AccountFrom string    `json:"accountFrom"`
	Problems    []Problem `json:"problems"`
}

// Check checks the configuration of a workspace, or with a proposed block the one that it
// would be with that block in nx.json. Unlike [Load] it checks the modes of both local and
// CI runs, and everything else also where the mode is no-cache. It sends nothing over the
// network.
func Check(getenv func(string) string, proposed json.RawMessage) Checked {
	document, err := ReadDocument(getenv)
	switch {
	case proposed != nil:
		document.Config, document.Problem = proposed, ""
		document.Extended = slices.DeleteFunc(document.Extended, func(key string) bool { return key == AzureKey })
	case err != nil:
		return conclude(Checked{}, []Problem{{Key: WorkspaceVariable, Level: LevelError, Kind: KindInvalid, Message: err.Error(), Diagnostic: diagnostic.VersionsDiffer}})
	case document.Problem != "":
		return conclude(Checked{}, []Problem{{Key: AzureKey, Level: LevelError, Kind: KindOther, Message: document.Problem, Diagnostic: diagnostic.SettingInvalid}})
	}
	found := claims.New(document.Claims)
	block, ignored := WithoutExtended(document.Config, document.Extended)
	s, wrong := readSettings(block, document.CI, found.Over(getenv))
	wrong.checkModes(block)
	warnings := slices.Concat(ignored, s.SetClaims(found, getenv), found.Warnings(s.Mode, nil))
	all := append(wrong.list(), wrong.warnings...)
	for _, message := range warnings {
		key, _, _ := strings.Cut(message.Text, " ")
		all = append(all, Problem{Key: key, Level: LevelWarning, Kind: KindIgnored, Message: message.Text, Diagnostic: message.Code})
	}
	return conclude(checkedSettings(s, found.Over(getenv)), all)
}

// checkModes checks the modes of all runs; [readSettings] checks only the one in use.
func (p *problems) checkModes(block json.RawMessage) {
	b := readBlock(block, newProblems())
	for key, value := range map[string]string{"localMode": b.localMode, "ciMode": b.ciMode} {
		if _, ok := cache.ParseMode(value); !ok && value != "" {
			p.add(InKey(key), notOneOf(value, modes))
		}
	}
}

// checkedSettings is what the settings say besides their problems.
func checkedSettings(s Settings, getenv func(string) string) Checked {
	c := Checked{Mode: s.Mode, Credential: s.credential, AccountFrom: keyOf(s.accountKey())}
	if endpoint.CheckContainer(s.Container) == nil {
		c.Container = s.Container
	}
	if s.credential != "" {
		place, _ := namedCredential(s.credential, func(name string) string { return strings.TrimSpace(getenv(name)) })
		c.CredentialFrom = keyOf(place)
	}
	switch {
	case s.ConnectionString != "":
		c.Credential, c.AccountFrom = connectionCredential, s.connectionFrom
	case s.SASURL != "":
		c.Credential, c.AccountFrom = sasCredential, SASVariable
	case isStorageSecret(s.credential): // its variable is not set, and named by a problem
		c.AccountFrom = ""
	}
	return c
}

// conclude adds the problems, each as one line.
func conclude(c Checked, all []Problem) Checked {
	c.Valid, c.Problems = true, make([]Problem, 0, len(all)) // in JSON an empty array
	for _, p := range all {
		for _, text := range []*string{&p.Key, &p.Seen, &p.Allowed, &p.Fix, &p.Message} {
			*text = printable.Line(*text)
		}
		c.Valid = c.Valid && p.Level != LevelError
		c.Problems = append(c.Problems, p)
	}
	return c
}
