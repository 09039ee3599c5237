package config

import (
	"fmt"
	"slices"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/signin"
	"github.com/nx-azure-cache/nx-azure-cache/cache/unwrap"
)

// The sign-ins that are named by what they are about.
const (
	connectionCredential = "connection-string"
	sasCredential        = "sas"
)

// credentials are the sign-ins, in the order in which ours looks for them.
var credentials = append([]string{connectionCredential, sasCredential}, signin.Names()...)

// isStorageSecret reports whether a sign-in is a secret of the storage account,
// which says by itself where that is.
func isStorageSecret(credential string) bool {
	return credential == connectionCredential || credential == sasCredential
}

// namedCredential is the sign-in that is asked for, and where; "" is ours.
func namedCredential(inBlock string, variable func(string) string) (place, name string) {
	if override := variable(CredentialVariable); override != "" {
		return CredentialVariable, override
	}
	return InKey("credential"), inBlock
}

// chooseCredential decides who signs in. A connection string or SAS URL that is
// set is one that somebody wants to be used, unless another sign-in is named.
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

// notSet is the error of a variable that a sign-in needs.
func notSet(format string, args ...any) error {
	return &ruleError{kind: KindMissing, text: fmt.Sprintf(format, args...)}
}

// connectionVariables are those of connection strings. The first that is set counts.
var connectionVariables = []string{OwnConnectionVariable, ConnectionVariable}

// firstConnection is the connection string that counts, without what a paste leaves
// around it, and its variable.
func firstConnection(variable func(string) string) (from, text string) {
	for _, name := range connectionVariables {
		if text := unwrap.Value(variable(name), connectionVariables...); text != "" {
			return name, text
		}
	}
	return "", ""
}

// useConnectionString takes account and credential from a connection string. The
// warnings name what is odd about it and do not show it.
func (s *Settings) useConnectionString(from string, secret endpoint.Secret, wrong *problems) {
	s.ConnectionString, s.connectionFrom = secret, from
	parsed, err := endpoint.ParseConnectionString(secret)
	if err != nil {
		wrong.add(from, fmt.Errorf("is not a usable connection string: %w", err))
		return
	}
	s.environment = s.environment.WithEmulatorProxy(parsed.Proxy, from)
	for _, odd := range parsed.Odd {
		wrong.warn(Problem{Key: from, Kind: KindOther, Fix: "copy the whole string again", Message: fmt.Sprintf("%s looks wrong, and is used anyway: %s; copy the whole string again", from, odd)})
	}
}

// SetClaims notes the variables of .env files, and whether one of them is the connection
// string that is used. The warning says so of the variable that applications share: the
// checkout's .env file is often theirs. It also says so of a string that beats one of the
// environment. getenv is without the claims.
func (s *Settings) SetClaims(c Claims, getenv func(string) string) (warnings []string) {
	s.Claims = c
	found, isClaim := c[variableKey(s.connectionFrom)]
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
		return []string{fmt.Sprintf("%s decides the account and the sign-in of the remote cache%s. If that is wrong, remove it from the file", nameClaims([]Claim{found}), over)}
	}
	return []string{fmt.Sprintf("%s decides the account and the sign-in of the remote cache%s. If it is your application's, set azure.credential in nx.json "+
		"to the sign-in of the cache. If it is the cache's, call it %s", nameClaims([]Claim{found}), over, OwnConnectionVariable)}
}

// replacedAccount is what a connection string of a .env file takes the place of: a secret
// of the environment, or the key of nx.json that names the account; "" is neither.
func (s Settings) replacedAccount(getenv func(string) string) string {
	for _, name := range []string{ConnectionVariable, SASVariable} {
		if getenv(name) != "" {
			return name + " in the environment"
		}
	}
	return s.accountKey()
}

// accountKey is the key of nx.json that names the account, or "".
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

// AccountFrom says where the account comes from.
func (s Settings) AccountFrom() string {
	switch {
	case s.fromFile != nil:
		return nameClaims([]Claim{*s.fromFile})
	case s.ConnectionString != "":
		return s.connectionFrom
	case s.SASURL != "":
		return SASVariable
	default:
		return s.accountKey()
	}
}

// useSAS takes the container's name from the SAS URL where that has one.
func (s *Settings) useSAS(secret endpoint.Secret, wrong *problems) {
	s.SASURL = secret
	parsed, err := endpoint.ParseSASURL(secret, SASVariable)
	switch {
	case err != nil:
		wrong.add(SASVariable, fmt.Errorf("is not usable: %w", err))
	case parsed.Container == "":
	case s.Container == "":
		s.Container = parsed.Container
	case s.Container != parsed.Container:
		wrong.add(SASVariable, fmt.Errorf("is for the container %s, but %s is %s", Shown(parsed.Container), InKey("container"), Shown(s.Container)))
	}
}

// signIn is the name of the source of a sign-in that is asked for, or "".
func (s Settings) signIn() string {
	if isStorageSecret(s.credential) {
		return ""
	}
	return s.credential
}

// SignInFailures says which sources of a sign-in have failed before another one worked:
// somebody has set them up and believes that they are used. If none worked, that
// is told where a request fails.
func SignInFailures(r signin.Report) (lines []string) {
	for _, step := range r.Steps {
		if r.Source != "" && step.Outcome == signin.Failed {
			lines = append(lines, fmt.Sprintf("signed in with %s, because %s failed: %s", SignedInAs(r), step.Source, step.WithAdvice()))
		}
	}
	return lines
}

// SignedInAs is such as "azure-cli (ann@example.com)".
func SignedInAs(r signin.Report) string {
	if r.Principal == "" {
		return r.Source
	}
	return r.Source + " (" + r.Principal + ")"
}
