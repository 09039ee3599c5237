package main

import (
	"fmt"
	"slices"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/signin"
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
	if override := variable(credentialVariable); override != "" {
		return credentialVariable, override
	}
	return inKey("credential"), inBlock
}

// chooseCredential decides who signs in. A connection string or SAS URL that is
// set is one that somebody wants to be used, unless another sign-in is named.
func (s *settings) chooseCredential(inBlock string, variable func(string) string, wrong mistakes) {
	var place string
	place, s.credential = namedCredential(inBlock, variable)
	if s.credential != "" && !slices.Contains(credentials, s.credential) {
		wrong.add(place, notOneOf(s.credential, credentials))
		s.credential = ""
	}
	connection, sas := variable(connectionVariable), variable(sasVariable)
	switch {
	case s.credential == connectionCredential && connection == "":
		wrong.add(connectionVariable, fmt.Errorf("is not set, and %s is %s", place, s.credential))
	case s.credential == sasCredential && sas == "":
		wrong.add(sasVariable, fmt.Errorf("is not set, and %s is %s", place, s.credential))
	case s.credential == connectionCredential, s.credential == "" && connection != "":
		s.connectionString = azure.Secret(connection)
	case s.credential == sasCredential, s.credential == "" && sas != "":
		s.useSAS(azure.Secret(sas), wrong)
	}
}

// useSAS takes the container's name from the SAS URL where that has one.
func (s *settings) useSAS(secret azure.Secret, wrong mistakes) {
	s.sasURL = secret
	parsed, err := azure.ParseSASURL(secret)
	switch {
	case err != nil:
		wrong.add(sasVariable, fmt.Errorf("is not usable: %w", err))
	case parsed.Container == "":
	case s.container == "":
		s.container = parsed.Container
	case s.container != parsed.Container:
		wrong.add(sasVariable, fmt.Errorf("is for the container %s, and %s is %s", shown(parsed.Container), inKey("container"), shown(s.container)))
	}
}

// signIn is the name of the source of a sign-in that is asked for, or "".
func (s settings) signIn() string {
	if isStorageSecret(s.credential) {
		return ""
	}
	return s.credential
}

// failings says which sources of a sign-in have failed before another one worked:
// somebody has set them up and believes that they are used. If none worked, that
// is told where a request fails.
func failings(r signin.Report) (lines []string) {
	for _, step := range r.Steps {
		if r.Source != "" && step.Outcome == signin.Failed {
			lines = append(lines, fmt.Sprintf("signed in with %s%s, because %s failed: %s", r.Source, brackets(r.Principal), step.Source, step.Advised()))
		}
	}
	return lines
}

func brackets(text string) string {
	if text == "" {
		return ""
	}
	return " (" + text + ")"
}
