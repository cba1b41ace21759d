// Original file: proto/broker/v1/oauth.proto


// Original file: proto/broker/v1/oauth.proto

export const _broker_v1_OAuthStatus_State = {
  STATE_UNSPECIFIED: 'STATE_UNSPECIFIED',
  STATE_PENDING: 'STATE_PENDING',
  STATE_DONE: 'STATE_DONE',
  STATE_FAILED: 'STATE_FAILED',
} as const;

export type _broker_v1_OAuthStatus_State =
  | 'STATE_UNSPECIFIED'
  | 0
  | 'STATE_PENDING'
  | 1
  | 'STATE_DONE'
  | 2
  | 'STATE_FAILED'
  | 3

export type _broker_v1_OAuthStatus_State__Output = typeof _broker_v1_OAuthStatus_State[keyof typeof _broker_v1_OAuthStatus_State]

export interface OAuthStatus {
  'state'?: (_broker_v1_OAuthStatus_State);
  'error'?: (string);
  'hint'?: (string);
}

export interface OAuthStatus__Output {
  'state': (_broker_v1_OAuthStatus_State__Output);
  'error': (string);
  'hint': (string);
}
