package main

import (
	"fmt"
	"slices"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
)

// The sign-ins that are named by what they are about.
const (
	connectionCredential = "connection-string"
	sasCredential        = "sas"
)

// credentials are the sign-ins, in the order in which ours looks for them; the
// last is azidentity's own order.
var credentials = []string{
	connectionCredential,
	sasCredential,
	"environment",
	"workload-identity",
	"github-actions",
	"azure-pipelines",
	"managed-identity",
	"azure-cli",
	"azure-developer-cli",
	"azure-powershell",
	"anonymous",
	"default",
}

// isStorageSecret reports whether a sign-in is a secret of the storage account,
// which says by itself where that is.
func isStorageSecret(credential string) bool {
	return credential == connectionCredential || credential == sasCredential
}

// chooseCredential decides who signs in. A connection string or SAS URL that is
// set is one that somebody wants to be used, unless another sign-in is named.
func (s *settings) chooseCredential(inBlock string, variable func(string) string, wrong mistakes) {
	place := inKey("credential")
	s.credential = inBlock
	if override := variable(credentialVariable); override != "" {
		place, s.credential = credentialVariable, override
	}
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
		s.sasURL = azure.Secret(sas)
	}
}
