package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
)

// Overrides replace nx.json, or keys in it. Commands have flags for them.
type Overrides struct {
	Container, AccountName, Endpoint, Prefix string
	IsSet                                    func(flag string) bool
}

// The names of the flags.
const (
	ContainerFlag   = "container"
	AccountNameFlag = "account-name"
	EndpointFlag    = "endpoint"
	PrefixFlag      = "prefix"
)

// FlagError is an error in the flags.
type FlagError struct{ error }

// check returns an error for flags that are invalid, or not enough.
func (o *Overrides) check(document Document, getenv func(string) string) error {
	for _, flag := range []struct {
		name, value string
		check       func(string) error
	}{
		{ContainerFlag, o.Container, endpoint.CheckContainer},
		{AccountNameFlag, o.AccountName, endpoint.CheckAccountName},
		{EndpointFlag, o.Endpoint, endpoint.Check},
	} {
		if err := checkValue(flag.value, flag.check); err != nil && o.IsSet(flag.name) {
			return FlagError{fmt.Errorf("--%s %w", flag.name, err)}
		}
	}
	secret := document.usedSecret(getenv)
	namesAccount := o.IsSet(AccountNameFlag) || o.IsSet(EndpointFlag)
	switch {
	case !cache.ValidPrefix(o.Prefix):
		return FlagError{fmt.Errorf("--%s %w", PrefixFlag, wrongPrefix(o.Prefix))}
	case secret != "" && namesAccount:
		return FlagError{fmt.Errorf("%s already names the account: unset it, or omit --%s and --%s", secret, AccountNameFlag, EndpointFlag)}
	case document.HasConfig(), o.IsSet(ContainerFlag) && (secret != "" || namesAccount):
		return nil
	case o.IsSet(ContainerFlag):
		return FlagError{fmt.Errorf("--%s is missing (or --%s, or %s)", AccountNameFlag, EndpointFlag, ConnectionVariable)}
	case document.Problem != "":
		return errors.New(document.Problem)
	case document.Launcher != nil: // doctor reports how to add a block
		if _, _, err := ReadSettings(nil, document.CI, getenv); err != nil {
			return err
		}
		fallthrough
	default:
		return fmt.Errorf(`nx.json has no "azure" block here: run this with npx in the workspace, or name the container with --%s and --%s`, ContainerFlag, AccountNameFlag)
	}
}

// usedSecret returns the variable with the secret of a storage account that will be used,
// or "". Such a secret names the account.
func (d Document) usedSecret(getenv func(string) string) string {
	variable := func(name string) string { return strings.TrimSpace(getenv(name)) }
	b := readBlock(d.Config, newProblems()) // readSettings reports its problems
	_, named := namedCredential(b.credential, variable)
	if !slices.Contains(credentials, named) { // readSettings reports that, too
		named = ""
	}
	for _, name := range append(slices.Clone(connectionVariables), SASVariable) {
		credential := connectionCredential
		if name == SASVariable {
			credential = sasCredential
		}
		if variable(name) != "" && (named == "" || named == credential) {
			return name
		}
	}
	return ""
}

// apply puts the flags into the azure block. A block that is not an object stays as it is:
// readSettings reports it.
func (o *Overrides) apply(document Document) json.RawMessage {
	keys := make(map[string]any)
	if document.HasConfig() && json.Unmarshal(document.Config, &keys) != nil {
		return document.Config
	}
	if o.IsSet(ContainerFlag) {
		keys["container"] = o.Container
		if t, ok := keys[trustKey].(map[string]any); ok {
			delete(t, "containers")
		}
	}
	if o.IsSet(AccountNameFlag) {
		keys["accountName"] = o.AccountName
		delete(keys, "endpoint") // it would take precedence
	}
	if o.IsSet(EndpointFlag) {
		keys["endpoint"] = o.Endpoint
	}
	if o.IsSet(PrefixFlag) {
		keys["prefix"] = o.Prefix
	}
	return mustMarshal(keys)
}

// mustMarshal encodes what was decoded from JSON.
func mustMarshal(keys map[string]any) json.RawMessage {
	text, err := json.Marshal(keys)
	if err != nil {
		panic(err) // strings, numbers, arrays and objects
	}
	return text
}

// withoutModes removes the modes, which only concern runs of Nx.
func withoutModes(config json.RawMessage) json.RawMessage {
	var keys map[string]any
	if json.Unmarshal(config, &keys) != nil {
		return config
	}
	delete(keys, "localMode")
	delete(keys, "ciMode")
	return mustMarshal(keys)
}
