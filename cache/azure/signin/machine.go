package signin

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/managedidentity"

	"github.com/nx-azure-cache/nx-azure-cache/cache/awake"
)

const (
	// machineLimit is for a token from the machine's own service, which is close by.
	machineLimit = 4 * time.Second
	// probeLimit is for any response of that service.
	probeLimit = time.Second
	// metadata is where a virtual machine gets its tokens
	// (learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token).
	metadata = "http://169.254.169.254/metadata/identity/oauth2/token"
)

// Likelihood says whether a machine is in Azure.
type Likelihood int

// The likelihoods.
const (
	Unknown Likelihood = iota
	Yes
	No
)

// azureChassis is the chassis asset tag of every Azure virtual machine. cloud-init
// detects Azure by it.
const azureChassis = "7783-7084-3265-9085-8269-3286-77"

func detectMachine() Likelihood {
	return machineFrom(goruntime.GOOS, os.ReadFile, func(folder string) bool {
		_, err := os.Stat(folder)
		return err == nil
	})
}

// machineFrom finds out whether the metadata address is likely to respond, without a
// request: if nothing listens there, a request costs its whole time limit. Containers see
// the chassis of their host.
func machineFrom(goos string, readFile func(string) ([]byte, error), exists func(string) bool) Likelihood {
	switch goos {
	case "linux":
		tag, err := readFile("/sys/class/dmi/id/chassis_asset_tag")
		switch {
		case err != nil: // a sandbox, or a machine without this table
			return Unknown
		case strings.TrimSpace(string(tag)) == azureChassis:
			return Yes
		default:
			return No
		}
	case "windows":
		if exists(filepath.Join(os.Getenv("SystemDrive")+`\`, "WindowsAzure")) { // of the agent in each of them
			return Yes
		}
		return Unknown
	default: // Azure has no machines with macOS
		return No
	}
}

// inOrder is the order of the sources on a machine. If it is unknown whether the metadata
// address responds, that source comes last.
func inOrder(machine Likelihood) []source {
	if machine != Unknown {
		return sources
	}
	isMachine := func(s source) bool { return s.name == ManagedIdentity }
	i := slices.IndexFunc(sources, isMachine)
	return append(slices.DeleteFunc(slices.Clone(sources), isMachine), sources[i])
}

// openManagedIdentity is the identity of the machine, container or function.
func openManagedIdentity(o *Options) (azcore.TokenCredential, error) {
	service, err := managedidentity.GetSource()
	if err != nil {
		return nil, err
	}
	if service == managedidentity.DefaultToIMDS && o.Machine() == No {
		return nil, missing("not running on an Azure machine")
	}
	client := o.Client
	// Any other status of the service means that there is no token; these mean that it is
	// busy, and a retry helps.
	client.Retry.StatusCodes = []int{http.StatusGone, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}
	if service == managedidentity.ServiceFabric {
		client.Transport = nil // it pins a certificate, which our transport would not
	}
	options := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: client}
	if id := set(clientVariable); id != "" {
		options.ID = azidentity.ClientID(id)
	}
	credential, err := azidentity.NewManagedIdentityCredential(options)
	if err != nil || service != managedidentity.DefaultToIMDS {
		return credential, err
	}
	return &probed{credential, client}, nil
}

// probed gets a token of a virtual machine only if its metadata service responds.
type probed struct {
	credential azcore.TokenCredential
	client     azcore.ClientOptions
}

// GetToken implements [azcore.TokenCredential].
func (p *probed) GetToken(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if p.client.Transport != nil {
		if err := p.probe(ctx); err != nil {
			return azcore.AccessToken{}, err
		}
		p.client.Transport = nil // once is enough
	}
	return p.credential.GetToken(ctx, options)
}

// probe returns an error unless the metadata address is Azure's: other clouds, sandboxes
// and captive portals have services of their own there. Azure rejects a request without
// the header Metadata with 400; the others respond with 401, 403, 404 or a page.
func (p *probed) probe(ctx context.Context) error {
	ctx, cancel := awake.WithTimeout(ctx, probeLimit)
	defer cancel()
	ctx = policy.WithRetryOptions(ctx, policy.RetryOptions{MaxRetries: -1})
	request, err := runtime.NewRequest(ctx, http.MethodGet, metadata)
	if err != nil {
		return err
	}
	response, err := runtime.NewPipeline("nx-azure-cache", "", runtime.PipelineOptions{}, &p.client).Do(request)
	if err != nil {
		return missing("nothing responds at the metadata address 169.254.169.254")
	}
	switch status := response.StatusCode; {
	case status == http.StatusBadRequest, status == http.StatusGone, status == http.StatusTooManyRequests, status >= 500:
		return nil
	default:
		return missing("the service at the metadata address 169.254.169.254 is not Azure (%d)", status)
	}
}

// hasNoIdentity reports whether the machine has no identity, or not the one that
// AZURE_CLIENT_ID names, which may be meant for another source.
func hasNoIdentity(err error) bool {
	failed, ok := errors.AsType[*azidentity.AuthenticationFailedError](err)
	if !ok {
		return true // azidentity: "failed to authenticate a system assigned identity"
	}
	return failed.RawResponse != nil && failed.RawResponse.StatusCode == http.StatusBadRequest
}
