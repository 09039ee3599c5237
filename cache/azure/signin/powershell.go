package signin

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os/exec"
	"runtime"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
)

const noAzAccounts = "Az.Accounts module not found"

// powerShellScript is that of azidentity v1.15.0 (Copyright (c) Microsoft Corporation,
// MIT License), for Azure Storage and the tenant of the tool.
const powerShellScript = `
$ErrorActionPreference = 'Stop'
[version]$minimumVersion = '2.2.0'

$mod = Import-Module Az.Accounts -MinimumVersion $minimumVersion -PassThru -ErrorAction SilentlyContinue

if (-not $mod) {
    Write-Error '` + noAzAccounts + `'
}

$params = @{
    ResourceUrl   = '` + storageResource + `'
	WarningAction = 'Ignore'
}

# Only force AsSecureString for Az.Accounts versions > 2.17.0 and < 5.0.0 which return plain text token by default.
# Newer Az.Accounts versions return SecureString token by default and no longer use AsSecureString parameter.
if ($mod.Version -ge [version]'2.17.0' -and $mod.Version -lt [version]'5.0.0') {
    $params['AsSecureString'] = $true
}

$tenantId = ''
if ($tenantId.Length -gt 0) {
    $params['TenantId'] = ''
}

$token = Get-AzAccessToken @params

$customToken = New-Object -TypeName psobject

# The following .NET interop pattern is supported in all PowerShell versions and safely converts SecureString to plain text.
if ($token.Token -is [System.Security.SecureString]) {
    $ssPtr = [System.Runtime.InteropServices.Marshal]::SecureStringToBSTR($token.Token)
    try {
        $plainToken = [System.Runtime.InteropServices.Marshal]::PtrToStringBSTR($ssPtr)
    } finally {
        [System.Runtime.InteropServices.Marshal]::ZeroFreeBSTR($ssPtr)
    }
    $customToken | Add-Member -MemberType NoteProperty -Name Token -Value $plainToken
} else {
    $customToken | Add-Member -MemberType NoteProperty -Name Token -Value $token.Token
}
$customToken | Add-Member -MemberType NoteProperty -Name ExpiresOn -Value $token.ExpiresOn.ToUnixTimeSeconds()

$jsonToken = $customToken | ConvertTo-Json
return $jsonToken
`

func newAzurePowerShell() *toolCredential {
	return &toolCredential{
		name: powerShellName,
		command: func(claims string) (string, error) {
			if claims != "" {
				return "", errors.New(powerShellName + ": Azure PowerShell requires multifactor authentication or additional claims. Run this command then retry the operation: Connect-AzAccount -ClaimsChallenge '" + encoded(claims) + "'")
			}
			return powerShell() + " -NoProfile -NonInteractive -OutputFormat Text -EncodedCommand " + utf16Base64(powerShellScript), nil
		},
		token: func(stdout []byte) (azcore.AccessToken, error) {
			var it struct {
				Token     string `json:"Token"`
				ExpiresOn int64  `json:"ExpiresOn"`
			}
			if err := json.Unmarshal(stdout, &it); err != nil {
				return azcore.AccessToken{}, err
			}
			return azcore.AccessToken{Token: it.Token, ExpiresOn: time.Unix(it.ExpiresOn, 0).UTC()}, nil
		},
		explain: func(stderr string) string {
			switch {
			case strings.Contains(stderr, noAzAccounts):
				return noAzAccounts
			case strings.Contains(stderr, "Connect-AzAccount"):
				return `Please run "Connect-AzAccount" to set up an account`
			default:
				return stderr
			}
		},
	}
}

// powerShell is PowerShell Core, or, on Windows without it, Windows PowerShell.
func powerShell() string {
	if runtime.GOOS != "windows" {
		return "pwsh"
	}
	if _, err := exec.LookPath("pwsh.exe"); err == nil {
		return "pwsh.exe"
	}
	return "powershell.exe"
}

// utf16Base64 is a script as PowerShell's -EncodedCommand takes it.
func utf16Base64(script string) string {
	units := utf16.Encode([]rune(script))
	text := make([]byte, 0, 2*len(units))
	for _, unit := range units {
		text = binary.LittleEndian.AppendUint16(text, unit)
	}
	return base64.StdEncoding.EncodeToString(text)
}
