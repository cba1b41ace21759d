// Original file: proto/broker/v1/tokens.proto


export interface TokenGrant {
  'services'?: (string);
  'actions'?: (string)[];
}

export interface TokenGrant__Output {
  'services': (string);
  'actions': (string)[];
}
