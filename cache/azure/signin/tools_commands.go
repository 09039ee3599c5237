package signin

import (
	"encoding/base64"
	"encoding/binary"
	"os/exec"
	"runtime"
	"unicode/utf16"
)

// The commands of tools, as in azidentity v1.15.0 (Copyright (c) Microsoft Corporation,
// MIT License), and the strings by which their errors are recognized.
const (
	cliCommand = "az account get-access-token -o json --resource " + storageResource
	azdCommand = "azd auth token -o json --no-prompt --scope " + storageResource + defaultScope

	unknownToCmd     = "' is not recognized"
	unknownToAzd     = "unknown flag: --claims"
	unknownModule    = "Az.Accounts module not found"
	noPowerShellUser = "Connect-AzAccount"
)

func powerShellCommand() string {
	return powerShell() + " -NoProfile -NonInteractive -OutputFormat Text -EncodedCommand " + utf16Base64(powerShellScript)
}

// powerShell is PowerShell Core, or Windows PowerShell on a Windows machine without it.
func powerShell() string {
	if runtime.GOOS != "windows" {
		return "pwsh"
	}
	if _, err := exec.LookPath("pwsh.exe"); err == nil {
		return "pwsh.exe"
	}
	return "powershell.exe"
}

// utf16Base64 encodes a script for PowerShell's -EncodedCommand.
func utf16Base64(script string) string {
	units := utf16.Encode([]rune(script))
	text := make([]byte, 0, 2*len(units))
	for _, unit := range units {
		text = binary.LittleEndian.AppendUint16(text, unit)
	}
	return base64.StdEncoding.EncodeToString(text)
}

const powerShellScript = `
$ErrorActionPreference = 'Stop'
[version]$minimumVersion = '2.2.0'

$mod = Import-Module Az.Accounts -MinimumVersion $minimumVersion -PassThru -ErrorAction SilentlyContinue

if (-not $mod) {
    Write-Error '` + unknownModule + `'
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
