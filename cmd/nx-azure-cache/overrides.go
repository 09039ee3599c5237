package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
)

// overrides take the place of nx.json, or of keys in it: a command has flags for them.
type overrides struct {
	container, accountName, endpoint, prefix string
	isSet                                    func(flag string) bool
}

// The names of the flags.
const (
	containerFlag   = "container"
	accountNameFlag = "account-name"
	endpointFlag    = "endpoint"
	prefixFlag      = "prefix"
)

// check returns an error for flags that are wrong, or not enough.
func (o *overrides) check(document workspaceDocument, getenv func(string) string) error {
	for _, flag := range []struct {
		name, value string
		check       func(string) error
	}{
		{containerFlag, o.container, endpoint.CheckContainer},
		{accountNameFlag, o.accountName, endpoint.CheckAccountName},
		{endpointFlag, o.endpoint, endpoint.Check},
	} {
		if err := checkValue(flag.value, flag.check); err != nil && o.isSet(flag.name) {
			return fmt.Errorf("--%s %w", flag.name, err)
		}
	}
	secret := document.usedSecret(getenv)
	namesAccount := o.isSet(accountNameFlag) || o.isSet(endpointFlag)
	switch {
	case !cache.ValidPrefix(o.prefix):
		return fmt.Errorf("--%s is %s; allowed are segments of letters, digits, \".\", \"_\" and \"-\" with \"/\" between them", prefixFlag, shown(o.prefix))
	case secret != "" && namesAccount:
		return fmt.Errorf("%s names the account already: unset it, or leave out --%s and --%s", secret, accountNameFlag, endpointFlag)
	case document.hasConfig(), o.isSet(containerFlag) && (secret != "" || namesAccount):
		return nil
	case o.isSet(containerFlag):
		return fmt.Errorf("--%s is missing (or --%s, or %s)", accountNameFlag, endpointFlag, connectionVariable)
	case document.Problem != "":
		return errors.New(document.Problem)
	default:
		return fmt.Errorf(`there is no block "azure" of an nx.json: run this with npx in the workspace, or name the container with --%s and --%s`, containerFlag, accountNameFlag)
	}
}

// usedSecret is the variable with a secret of a storage account, which says where
// that is, if one will be used.
func (d workspaceDocument) usedSecret(getenv func(string) string) string {
	variable := func(name string) string { return strings.TrimSpace(getenv(name)) }
	b, _ := readBlock(d.Config, make(mistakes)) // readSettings says what is wrong with it
	_, named := namedCredential(b.credential, variable)
	if !slices.Contains(credentials, named) { // as above
		named = ""
	}
	for _, it := range []struct{ variable, credential string }{
		{ownConnectionVariable, connectionCredential},
		{connectionVariable, connectionCredential},
		{sasVariable, sasCredential},
	} {
		if variable(it.variable) != "" && (named == "" || named == it.credential) {
			return it.variable
		}
	}
	return ""
}

// apply puts the flags into the block "azure". What is no such block stays as it
// is: readSettings says what is wrong with it.
func (o *overrides) apply(document workspaceDocument) json.RawMessage {
	keys := make(map[string]any)
	if document.hasConfig() && json.Unmarshal(document.Config, &keys) != nil {
		return document.Config
	}
	if o.isSet(containerFlag) {
		keys["container"] = o.container
		if t, ok := keys[trustKey].(map[string]any); ok {
			delete(t, "containers")
		}
	}
	if o.isSet(accountNameFlag) {
		keys["accountName"] = o.accountName
		delete(keys, "endpoint") // which would win
	}
	if o.isSet(endpointFlag) {
		keys["endpoint"] = o.endpoint
	}
	if o.isSet(prefixFlag) {
		keys["prefix"] = o.prefix
	}
	return encode(keys)
}

// encode is the JSON of what was JSON.
func encode(keys map[string]any) json.RawMessage {
	text, err := json.Marshal(keys)
	if err != nil {
		panic(err) // texts, numbers, arrays and objects
	}
	return text
}

// withoutModes drops what says whether runs of Nx use the cache.
func withoutModes(config json.RawMessage) json.RawMessage {
	var keys map[string]any
	if json.Unmarshal(config, &keys) != nil {
		return config
	}
	delete(keys, "localMode")
	delete(keys, "ciMode")
	return encode(keys)
}
