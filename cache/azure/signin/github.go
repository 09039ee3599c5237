package signin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// The variables with which a job of GitHub Actions requests assertions
// (docs.github.com/actions/reference/openid-connect-reference).
const (
	requestURL   = "ACTIONS_ID_TOKEN_REQUEST_URL"
	requestToken = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
)

// openGitHubActions is the federated identity of a job. It requests an assertion from
// GitHub whenever it needs one. Assertions of azure/login expire within minutes, and a
// long build is signed out (Azure/login#180).
func openGitHubActions(o *Options) (azcore.TokenCredential, error) {
	switch gone := unsetOf(clientVariable, tenantVariable); {
	case os.Getenv("GITHUB_ACTIONS") != "true" && set(requestURL) == "":
		return nil, missing("not running in GitHub Actions")
	case len(gone) == 2 && set(requestURL) == "":
		return nil, missing("%s", notSet(gone))
	case len(gone) > 0:
		return nil, partly("%s", notSet(gone))
	case len(unsetOf(requestURL, requestToken)) > 0:
		return nil, partly("the job may not request a token: add `permissions: id-token: write` to it (pull requests from forks never may)")
	}
	ask := &assertions{
		url:      set(requestURL),
		audience: o.Cloud.orPublic().audience,
		// A function, so that the job's token is stored nowhere else.
		token:    func() string { return set(requestToken) },
		pipeline: runtime.NewPipeline("nx-azure-cache", "", runtime.PipelineOptions{}, &o.Client),
	}
	return azidentity.NewClientAssertionCredential(set(tenantVariable), set(clientVariable), ask.get, &azidentity.ClientAssertionCredentialOptions{
		ClientOptions:              o.Client,
		AdditionallyAllowedTenants: additionalTenants(),
		DisableInstanceDiscovery:   ownAuthority(os.Getenv),
	})
}

// assertions requests GitHub's assertions for a job.
type assertions struct {
	url, audience string
	token         func() string
	pipeline      runtime.Pipeline
}

// maxAssertion bounds a response of GitHub, in bytes; one has about 2,000.
const maxAssertion = 64 << 10

func (a *assertions) get(ctx context.Context) (string, error) {
	text, err := a.ask(ctx)
	if err != nil {
		return "", fmt.Errorf("GitHub issued no assertion: %w", err)
	}
	return text, nil
}

func (a *assertions) ask(ctx context.Context) (string, error) {
	u, err := url.Parse(a.url)
	if err != nil {
		return "", errors.New(requestURL + " is not a URL")
	}
	query := u.Query()
	query.Set("audience", a.audience)
	u.RawQuery = query.Encode()
	request, err := runtime.NewRequest(ctx, http.MethodGet, u.String())
	if err != nil {
		return "", errors.New(requestURL + " is not a valid URL")
	}
	request.Raw().Header.Set("Authorization", "bearer "+a.token())
	request.Raw().Header.Set("Accept", "application/json")
	runtime.SkipBodyDownload(request)
	response, err := a.pipeline.Do(request)
	if err != nil {
		if failed, ok := errors.AsType[*url.Error](err); ok {
			err = failed.Err
		}
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s responded with %s", u.Host, response.Status)
	}
	var body struct {
		Value string `json:"value"`
	}
	// The error does not quote the body: it may be the assertion.
	if json.NewDecoder(io.LimitReader(response.Body, maxAssertion)).Decode(&body) != nil || body.Value == "" {
		return "", fmt.Errorf("the response of %s contains none", u.Host)
	}
	return body.Value, nil
}
