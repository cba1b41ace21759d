// Original file: proto/broker/v1/services.proto

import type { Cookie as _broker_v1_Cookie, Cookie__Output as _broker_v1_Cookie__Output } from '../../broker/v1/Cookie.ts';

export interface ListCookiesResponse {
  'cookies'?: (_broker_v1_Cookie)[];
}

export interface ListCookiesResponse__Output {
  'cookies': (_broker_v1_Cookie__Output)[];
}
