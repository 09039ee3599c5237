package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// workspaceVariable is how the npm package hands on what Nx knows of the
// workspace, where people run a command.
const workspaceVariable = "NX_AZURE_CACHE_WORKSPACE"

// workspaceDocument is its value.
type workspaceDocument struct {
	CI          bool            `json:"ci"`
	DefaultBase string          `json:"defaultBase"`
	Config      json.RawMessage `json:"config"` // the block "azure" of nx.json
	// Extended are the keys of nx.json, azure and defaultBase, whose values come from a
	// file that it extends.
	Extended []string `json:"extended"`
	// Problem is why the rest is missing, where there is a workspace.
	Problem       string `json:"problem"`
	WorkspaceRoot string `json:"workspaceRoot"`
	NxVersion     string `json:"nxVersion"`
	// Claims are variables that the checkout has set.
	Claims []rpc.Claim `json:"claims"`
	// Launcher is for doctor; nil without the npm package.
	Launcher *launcherDocument `json:"launcher"`
}

// workspace is where a command works, and who runs it.
type workspace struct {
	settings settings
	role     role
}

// workspaceFlags take the place of nx.json, or of keys in it.
type workspaceFlags struct {
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

// workspaceHelp ends the help of a command that has these flags.
const workspaceHelp = `
The container is that of nx.json: run this with npx in the workspace. Elsewhere
--container names it, with --account-name or --endpoint unless
` + connectionVariable + ` is set. Who asks is whoever that variable or
the sign-in of this machine (az login) says. No licence is needed.`

func (f *workspaceFlags) add(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVar(&f.container, containerFlag, "", "the container of all scopes, instead of those of nx.json")
	flags.StringVar(&f.accountName, accountNameFlag, "", "the storage account, instead of that of nx.json")
	flags.StringVar(&f.endpoint, endpointFlag, "", "the blob endpoint, instead of that of nx.json")
	flags.StringVar(&f.prefix, prefixFlag, "", "the prefix, instead of that of nx.json")
	f.isSet = flags.Changed
}

// read finds out where a command works. It sends nothing over the network.
func (f *workspaceFlags) read(w world) (workspace, error) {
	document, s, warnings, err := f.settings(w.getenv)
	if err != nil {
		return workspace{}, errors.New(printable.Line(err.Error()))
	}
	role := s.role(document.CI, document.defaultBase(), s.claims.over(w.getenv))
	for _, warning := range append(warnings, s.claims.warnings(s.mode, nil)...) {
		_ = terminal.Printf(w.stderr, "nx-azure-cache: %s", warning)
	}
	return workspace{s, role}, nil
}

// settings reads nx.json, the flags and the environment. The error joins all
// mistakes, with which the settings are what is right of them.
func (f *workspaceFlags) settings(getenv func(string) string) (workspaceDocument, settings, []string, error) {
	document, err := readDocument(getenv)
	claims, given := newClaims(document.Claims), getenv
	getenv = claims.over(getenv)
	if err == nil {
		err = f.check(document, getenv)
	}
	if err != nil {
		return document, settings{claims: claims}, nil, err
	}
	var ignored []string
	document.Config, ignored = withoutExtended(document.Config, document.Extended)
	config := f.apply(document)
	s, warnings, err := readSettings(config, document.CI, getenv)
	if s.mode == cache.NoCache { // which is about runs of Nx
		s, warnings, err = readSettings(withoutModes(config), document.CI, func(name string) string {
			if name == modeVariable {
				return ""
			}
			return getenv(name)
		})
		s.mode = cache.NoCache
	}
	warnings = append(warnings, s.setClaims(claims, given)...)
	return document, s, append(ignored, warnings...), err
}

func (d workspaceDocument) defaultBase() defaultBase {
	return readDefaultBase(d.DefaultBase, d.Extended)
}

func readDocument(getenv func(string) string) (document workspaceDocument, err error) {
	text := getenv(workspaceVariable)
	if text == "" {
		return workspaceDocument{CI: isCI(getenv)}, nil
	}
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		return document, fmt.Errorf("%s is not what the npm package writes: %w", workspaceVariable, err)
	}
	return document, nil
}

// check returns an error for flags that are wrong, or not enough.
func (f *workspaceFlags) check(document workspaceDocument, getenv func(string) string) error {
	for _, flag := range []struct {
		name, value string
		check       func(string) error
	}{
		{containerFlag, f.container, endpoint.CheckContainer},
		{accountNameFlag, f.accountName, endpoint.CheckAccountName},
		{endpointFlag, f.endpoint, endpoint.Check},
	} {
		if err := checkValue(flag.value, flag.check); err != nil && f.isSet(flag.name) {
			return fmt.Errorf("--%s %w", flag.name, err)
		}
	}
	secret := document.usedSecret(getenv)
	namesAccount := f.isSet(accountNameFlag) || f.isSet(endpointFlag)
	switch {
	case !cache.ValidPrefix(f.prefix):
		return fmt.Errorf("--%s is %s; allowed are segments of letters, digits, \".\", \"_\" and \"-\" with \"/\" between them", prefixFlag, shown(f.prefix))
	case secret != "" && namesAccount:
		return fmt.Errorf("%s names the account already: unset it, or leave out --%s and --%s", secret, accountNameFlag, endpointFlag)
	case document.hasConfig(), f.isSet(containerFlag) && (secret != "" || namesAccount):
		return nil
	case f.isSet(containerFlag):
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

// keys are those of the block "azure".
func (d workspaceDocument) keys() (keys map[string]any) {
	if json.Unmarshal(d.Config, &keys) != nil {
		return nil // readSettings says so
	}
	return keys
}

func (d workspaceDocument) hasConfig() bool {
	return len(d.Config) > 0 && !bytes.Equal(d.Config, []byte("null"))
}

// apply puts the flags into the block "azure". What is no such block stays as it
// is: readSettings says what is wrong with it.
func (f *workspaceFlags) apply(document workspaceDocument) json.RawMessage {
	keys := make(map[string]any)
	if document.hasConfig() && json.Unmarshal(document.Config, &keys) != nil {
		return document.Config
	}
	if f.isSet(containerFlag) {
		keys["container"] = f.container
		if t, ok := keys[trustKey].(map[string]any); ok {
			delete(t, "containers")
		}
	}
	if f.isSet(accountNameFlag) {
		keys["accountName"] = f.accountName
		delete(keys, "endpoint") // which would win
	}
	if f.isSet(endpointFlag) {
		keys["endpoint"] = f.endpoint
	}
	if f.isSet(prefixFlag) {
		keys["prefix"] = f.prefix
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

// isCI says what Nx's isCI says, which the npm package hands on.
func isCI(getenv func(string) string) bool {
	if ci := getenv("CI"); ci != "" {
		return ci != "false"
	}
	isTrue := []string{"TF_BUILD", "GITHUB_ACTIONS", "BUILDKITE", "CIRCLECI", "CIRRUS_CI", "TRAVIS"}
	isSet := []string{"bamboo.buildKey", "bamboo_buildKey", "CODEBUILD_BUILD_ID", "GITLAB_CI", "HEROKU_TEST_RUN_ID", "BUILD_ID",
		"BUILD_NUMBER", "BUILD_BUILDID", "TEAMCITY_VERSION", "JENKINS_URL", "HUDSON_URL"}
	return slices.ContainsFunc(isTrue, func(name string) bool { return strings.EqualFold(getenv(name), "true") }) ||
		slices.ContainsFunc(isSet, func(name string) bool { return getenv(name) != "" })
}
