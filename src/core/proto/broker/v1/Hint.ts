// Original file: proto/broker/v1/sessions.proto


export interface Hint {
  'url'?: (string);
  'env'?: ({[key: string]: string});
  'unset'?: (string)[];
  'example'?: (string);
}

export interface Hint__Output {
  'url': (string);
  'env': ({[key: string]: string});
  'unset': (string)[];
  'example': (string);
}
