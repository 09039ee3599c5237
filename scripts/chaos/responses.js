'use strict';

/**
 * Responses of Azure, or of a gateway or proxy in front of it.
 *
 * @type {Record<string, { status: number, headers?: Record<string, string>, body?: string }>}
 */
const responses = {
  500: azure(500, 'InternalError'),
  502: html(502, 'Bad Gateway'),
  503: azure(503, 'ServerBusy'),
  '503 retry-after': azure(503, 'ServerBusy', { 'retry-after': '1' }),
  '503 retry-after-ms': azure(503, 'ServerBusy', {
    'x-ms-retry-after-ms': '300',
  }),
  '429 retry-after': azure(429, 'TooManyRequests', { 'retry-after': '1' }),
  '429 long': azure(429, 'TooManyRequests', { 'retry-after': '3600' }),
  '408 html': html(408, 'Request Timeout'),
  403: azure(403, 'AuthenticationFailed'),
  '403 network': azure(403, 'AuthorizationFailure'),
  '403 html': html(403, 'Forbidden'),
  401: azure(401, 'NoAuthenticationInformation'),
  '404 html': html(404, 'Not Found'),
  '404 empty': { status: 404 },
  409: azure(409, 'BlobAlreadyExists'),
  412: azure(412, 'ConditionNotMet'),
  400: azure(400, 'InvalidHeaderValue'),
  '200 html': html(200, 'Please sign in'), // a captive portal
  302: { status: 302, headers: { location: 'http://127.0.0.1:9/' } },
  204: { status: 204 },
};

/**
 * @param {number} status
 * @param {string} code
 * @param {Record<string, string>} [headers]
 */
function azure(status, code, headers = {}) {
  return {
    status,
    headers: {
      'content-type': 'application/xml',
      'x-ms-error-code': code,
      ...headers,
    },
    body: `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`,
  };
}

/**
 * @param {number} status
 * @param {string} title
 */
function html(status, title) {
  return {
    status,
    headers: { 'content-type': 'text/html' },
    body: `<html><head><title>${title}</title></head><body>${title}</body></html>`,
  };
}

exports.responses = responses;
exports.azure = azure;
