#include "daemon/http/token.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "tests/kernels/temp_file.hpp"

namespace moetune::daemon::http {
namespace {

using kernels::testing::TempFolder;

class TokenTest : public testing::Test {
 protected:
  std::filesystem::path file(std::string_view text, mode_t mode = 0600) {
    const auto path = folder_.path() / "token";
    std::ofstream(path) << text;
    chmod(path.c_str(), mode);
    return path;
  }

  TempFolder folder_;
};

TEST_F(TokenTest, AdmitsTheBearerAndNobodyElse) {
  const auto token = Token::read(file("s3cret-._~+/=\n"));
  ASSERT_TRUE(token) << token.error().message;
  EXPECT_TRUE(token->admits("Bearer s3cret-._~+/="));
  EXPECT_TRUE(token->admits("bearer s3cret-._~+/="));
  for (const char* given : {"", "Bearer", "Bearer ", "Bearer s3cret", "Bearer s3cret-._~+/=x",
                            "Basic s3cret-._~+/=", "s3cret-._~+/=", "Bearer  s3cret-._~+/="}) {
    EXPECT_FALSE(token->admits(given)) << given;
  }
}

TEST_F(TokenTest, RefusesAFileThatOthersMayTouch) {
  for (const mode_t mode : {0640u, 0604u, 0644u, 0620u, 0601u}) {
    const auto token = Token::read(file("secret", mode));
    ASSERT_FALSE(token) << mode;
    EXPECT_EQ(token.error().code, schema::ErrorCode::invalid_argument);
    EXPECT_NE(token.error().message.find("chmod 600"), std::string::npos);
  }
  EXPECT_TRUE(Token::read(file("secret", 0400)));
}

TEST_F(TokenTest, RefusesWhatIsNoToken) {
  for (const std::string& text : {std::string(), std::string("\n"), std::string("two words"), std::string("a\nb"),
                                  std::string("50%"), std::string(5000, 'x')}) {
    EXPECT_FALSE(Token::read(file(text))) << text.substr(0, 10);
  }
  const auto missing = Token::read(folder_.path() / "none");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, schema::ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace moetune::daemon::http
