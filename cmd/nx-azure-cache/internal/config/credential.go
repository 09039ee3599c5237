package config

import (
	"fmt"
	"slices"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/signin"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/unwrap"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/claims"
)

// The credentials that are secrets of the storage account.
const (
	connectionCredential = "connection-string"
	sasCredential        = "sas"
)

// credentials are all credentials, in the order in which they are tried.
var credentials = append([]string{connectionCredential, sasCredential}, signin.Names()...)

// isStorageSecret reports whether a credential is a secret of the storage account. Such a
// secret also names the account.
func isStorageSecret(credential string) bool {
	return credential == connectionCredential || credential == sasCredential
}

// namedCredential returns the selected credential and the place that selects it; "" if
// none is selected.
func namedCredential(inBlock string, variable func(string) string) (place, name string) {
	if override := variable(CredentialVariable); override != "" {
		return CredentialVariable, override
	}
	return InKey("credential"), inBlock
}

// chooseCredential chooses the credential. A connection string or SAS URL that is set is
// used, unless another credential is selected.
func (s *Settings) chooseCredential(inBlock string, variable func(string) string, wrong *problems) {
	var place string
	place, s.credential = namedCredential(inBlock, variable)
	if s.credential != "" && !slices.Contains(credentials, s.credential) {
		wrong.add(place, notOneOf(s.credential, credentials))
		s.credential = ""
	}
	from, connection := firstConnection(variable)
	sas := unwrap.Value(variable(SASVariable), SASVariable)
	switch {
	case s.credential == connectionCredential && connection == "":
		wrong.add(ConnectionVariable, notSet("is not set, nor is %s, and %s is %s", OwnConnectionVariable, place, s.credential))
	case s.credential == sasCredential && sas == "":
		wrong.add(SASVariable, notSet("is not set, and %s is %s", place, s.credential))
	case s.credential == connectionCredential, s.credential == "" && connection != "":
		s.useConnectionString(from, endpoint.Secret(connection), wrong)
	case s.credential == sasCredential, s.credential == "" && sas != "":
		s.useSAS(endpoint.Secret(sas), wrong)
	}
}

// notSet is the error for a variable that the selected credential needs.
func notSet(format string, args ...any) error {
	return &ruleError{kind: KindMissing, code: diagnostic.ConnectionInvalid, text: fmt.Sprintf(format, args...)}
}

// connectionVariables are the variables of connection strings. The first one that is set
// is used.
var connectionVariables = []string{OwnConnectionVariable, ConnectionVariable}

// firstConnection returns the connection string that is used, without what pasting left
// around it, and its variable.
func firstConnection(variable func(string) string) (from, text string) {
	for _, name := range connectionVariables {
		if text := unwrap.Value(variable(name), connectionVariables...); text != "" {
			return name, text
		}
	}
	return "", ""
}

// useConnectionString takes the account and the key from a connection string. The warnings
// say what looks wrong about it, without showing it.
func (s *Settings) useConnectionString(from string, secret endpoint.Secret, wrong *problems) {
	s.ConnectionString, s.connectionFrom = secret, from
	parsed, err := endpoint.ParseConnectionString(secret)
	if err != nil {
		wrong.add(from, diagnostic.With(diagnostic.ConnectionInvalid, fmt.Errorf("is not a usable connection string: %w", err)))
		return
	}
	s.environment = s.environment.WithEmulatorProxy(parsed.Proxy, from)
	for _, odd := range parsed.Odd {
		wrong.warn(Problem{Key: from, Kind: KindOther, Diagnostic: diagnostic.ConnectionInvalid, Fix: "copy the whole string again", Message: fmt.Sprintf("%s looks wrong, and is used anyway: %s; copy the whole string again", from, odd)})
	}
}

// SetClaims records the variables of .env files, and whether one of them is the connection
// string in use. It warns in two cases: if the variable is the one that applications
// share, because the checkout's .env file is often the application's; and if the string
// overrides one in the environment. getenv is the environment without the claims.
func (s *Settings) SetClaims(c claims.Set, getenv func(string) string) (warnings []diagnostic.Message) {
	s.Claims = c
	found, isClaim := c.Of(s.connectionFrom)
	if s.connectionFrom == "" || !isClaim || getenv(s.connectionFrom) != "" {
		return nil
	}
	s.fromFile = &found
	over := ""
	if place := s.replacedAccount(getenv); place != "" {
		over = ", not " + place
	}
	if s.connectionFrom == OwnConnectionVariable {
		if getenv(ConnectionVariable) == "" && getenv(SASVariable) == "" {
			return nil
		}
		return []diagnostic.Message{diagnostic.Messagef(diagnostic.ConnectionFromFile, "%s decides the account and the sign-in of the remote cache%s. If that is wrong, remove it from the file", claims.Names([]claims.Claim{found}), over)}
	}
	return []diagnostic.Message{diagnostic.Messagef(diagnostic.ConnectionFromFile, "%s decides the account and the sign-in of the remote cache%s. If it is your application's, set azure.credential in nx.json "+
		"to the sign-in of the cache. If it is the cache's, call it %s", claims.Names([]claims.Claim{found}), over, OwnConnectionVariable)}
}

// replacedAccount returns what a connection string of a .env file overrides: a secret in
// the environment, or the key of nx.json that names the account; or "".
func (s Settings) replacedAccount(getenv func(string) string) string {
	for _, name := range []string{ConnectionVariable, SASVariable} {
		if getenv(name) != "" {
			return name + " in the environment"
		}
	}
	return s.accountKey()
}

// accountKey returns the key of nx.json that names the account, or "".
func (s Settings) accountKey() string {
	switch {
	case s.Endpoint != "":
		return InKey("endpoint")
	case s.AccountName != "":
		return InKey("accountName")
	default:
		return ""
	}
}

// AccountFrom returns the key, the variable or the claim that names the account.
func (s Settings) AccountFrom() string {
	switch {
	case s.fromFile != nil:
		return claims.Names([]claims.Claim{*s.fromFile})
	case s.ConnectionString != "":
		return s.connectionFrom
	case s.SASURL != "":
		return SASVariable
	default:
		return s.accountKey()
	}
}

// useSAS uses a SAS URL, and the container that it names.
func (s *Settings) useSAS(secret endpoint.Secret, wrong *problems) {
	s.SASURL = secret
	parsed, err := endpoint.ParseSASURL(secret, SASVariable)
	switch {
	case err != nil:
		wrong.add(SASVariable, diagnostic.With(diagnostic.ConnectionInvalid, fmt.Errorf("is not usable: %w", err)))
	case parsed.Container == "":
	case s.Container == "":
		s.Container = parsed.Container
	case s.Container != parsed.Container:
		wrong.add(SASVariable, diagnostic.With(diagnostic.ConnectionInvalid, fmt.Errorf("is for the container %s, but %s is %s", Shown(parsed.Container), InKey("container"), Shown(s.Container))))
	}
}

// signIn returns the selected credential if it is a way to sign in, or "".
func (s Settings) signIn() string {
	if isStorageSecret(s.credential) {
		return ""
	}
	return s.credential
}

// SignInFailures returns a line for each credential that failed before another one worked:
// it is configured, so people expect that it is used. If none worked, the requests fail
// with the reasons.
func SignInFailures(r signin.Report) (lines []diagnostic.Message) {
	for _, step := range r.Steps {
		if r.Source != "" && step.Outcome == signin.Failed {
			lines = append(lines, diagnostic.Messagef(diagnostic.OtherCredential, "signed in with %s, because %s failed: %s", SignedInAs(r), step.Source, step.WithFix()))
		}
	}
	return lines
}

// SignedInAs returns the credential and the principal, such as "azure-cli
// (ann@example.com)".
func SignedInAs(r signin.Report) string {
	if r.Principal == "" {
		return r.Source
	}
	return r.Source + " (" + r.Principal + ")"
}
